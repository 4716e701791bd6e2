"""Beat asks all workers: however many clocks strike at once, a run begins once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import time_machine

from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.store import read_stream, state_of
from resets.campaigns.models import Campaign
from resets.schedules import clock
from resets.schedules.state import ScheduleState, run_id
from resets.schedules.steps import ApproveSchedule, MakeSchedule
from resets.schedules.timing import Every
from tests.cast import cast
from tests.fleet.eventstore.ground import at_once
from tests.resets.campaigns import ground

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CLOCKS = 4


def test_clocks_that_strike_at_once_begin_one_run() -> None:
    with time_machine.travel(NOW) as clockwork:
        who = cast()
        ada, schedule = ground.second(who), new_id()
        make = MakeSchedule(who.site, "Again", "A test", Every.WEEKS, 4, NOW.date(), 48)
        handle(make, schedule, who.by(who.alice))
        digest = state_of(ScheduleState, schedule).digest
        handle(ApproveSchedule(digest), schedule, who.by(ada))
        clockwork.move_to(NOW + timedelta(days=28))
        assert at_once(*[lambda: clock.strike(schedule)] * CLOCKS) == [None] * CLOCKS
    began: list[UUID] = [row.pk for row in Campaign.objects.for_jobs()]
    assert began == [run_id(schedule, 1)]
    happened = [recorded.type for recorded in read_stream(schedule)]
    assert happened.count("resets.schedule_ran") == 1
