"""Two campaigns that are drawn up at one time: each device is in one of them."""

from __future__ import annotations

from functools import partial

import pytest

from fleet.eventstore.store import read_stream
from resets.campaigns.drawing import draw_up_plan
from resets.campaigns.models import CampaignItem
from resets.campaigns.state import CampaignPhase, Kind
from tests.cast import cast
from tests.fleet.eventstore.ground import at_once
from tests.fleet.eventstore.ground import device as a_device
from tests.resets.campaigns import ground

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_plans_at_one_time_share_no_device() -> None:
    who = cast()
    devices = {a_device(who, name=f"Gate {number}") for number in range(6)}
    plans = [ground.plan(who, Kind.RESET, name=name) for name in ("One", "Two")]
    answers = at_once(*[partial(draw_up_plan, read_stream(pk)[0]) for pk in plans])
    assert answers == [None, None]

    rows = CampaignItem.objects.for_jobs()
    taken = list(rows.filter(open=True).values_list("device", flat=True))
    assert sorted(taken) == sorted(devices)
    assert rows.filter(open=False, why="in_campaign").count() == len(devices)
    phases = {ground.state(pk).phase for pk in plans}
    assert CampaignPhase.DRAWING_UP not in phases
