"""Drills that begin at the same moment: what is counted over a mailbox counts each of them."""

from __future__ import annotations

from functools import partial

import pytest

from fleet.errors import RekeyError
from fleet.eventstore.handling import Outcome, handle
from fleet.eventstore.ids import new_id
from resets.readiness.models import Drill
from resets.readiness.steps import MOST_TO_ONE, BeginDrill
from tests.cast import cast
from tests.fleet.eventstore.ground import at_once, device

pytestmark = pytest.mark.django_db(transaction=True)


def test_drills_at_once_are_as_many_as_the_mailbox_and_the_device_take() -> None:
    who = cast()
    by = who.by(who.tess)
    cameras = [device(who) for _ in range(MOST_TO_ONE + 2)]
    for camera in cameras[: MOST_TO_ONE - 2]:
        handle(BeginDrill(camera), new_id(), by)
    late = cameras[MOST_TO_ONE - 2 :]
    begin = [partial(handle, BeginDrill(camera), new_id(), by) for camera in (*late, late[0])]
    results = at_once(*begin)
    begun = [one for one in results if isinstance(one, Outcome)]
    refused = [one.code for one in results if isinstance(one, RekeyError)]
    assert (len(begun), len(begun) + len(refused)) == (2, len(results)), results
    assert set(refused) <= {"too_many_drill_codes", "drill_too_soon", "drill_open_already"}
    assert Drill.objects.for_jobs().count() == MOST_TO_ONE
