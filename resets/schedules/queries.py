"""What pages and calls ask about schedules. Everything asks as somebody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.utils import timezone

from devices.queries import one
from fleet.accounts.access import human, may
from fleet.accounts.state import Role
from fleet.eventstore.messages import COMMANDS, Actor, Command, Recorded
from fleet.eventstore.store import read_stream, state_of
from resets.campaigns.models import Campaign
from resets.campaigns.queries import campaigns
from resets.schedules import clock
from resets.schedules.models import Schedule
from resets.schedules.state import SchedulePhase, ScheduleState
from resets.schedules.supplies import approver_may

NEXT = 4  # runs ahead that are shown


def schedules(actor: Actor) -> QuerySet[Schedule]:
    rows: QuerySet[Schedule] = Schedule.objects.visible_to(actor)
    return rows.order_by("-id")


def schedule(actor: Actor, schedule_id: UUID) -> Schedule:
    return one(schedules(actor), schedule_id, "schedule")


def with_text(rows: QuerySet[Schedule], text: str) -> QuerySet[Schedule]:
    return rows.filter(
        Q(name__icontains=text) | Q(about__icontains=text) | Q(maker__icontains=text)
    )


def waiting(actor: Actor) -> QuerySet[Schedule]:
    """Those that somebody else has to agree to."""
    rows = schedules(actor).filter(phase=SchedulePhase.AWAITING_APPROVAL.value)
    return rows.exclude(maker_id=human(actor).id)


def waiting_for(actor: Actor) -> list[Schedule]:
    """Those whose answer this actor may give."""
    rows = waiting(actor)
    return [r for r in rows if may(actor, Role.ADMINISTRATOR, r.organisation, r.site)]


def runs(actor: Actor, schedule_id: UUID) -> QuerySet[Campaign]:
    """The campaigns of its runs that may be seen, the newest first."""
    return campaigns(actor).filter(schedule=schedule_id)


def steps() -> dict[str, type[Command[ScheduleState]]]:
    """What people may do with a schedule that is there: slug → command."""
    return {
        c.slug: c
        for c in COMMANDS.values()
        if c.of is ScheduleState and c.by != "job" and not c.creates
    }


@dataclass(frozen=True)
class Standing:
    """How a schedule stands, for whoever looks."""

    row: Schedule
    state: ScheduleState
    person: str

    @cached_property
    def zones(self) -> list[ZoneInfo]:
        return clock.zones(self.state)

    @property
    def zone(self) -> ZoneInfo:
        """Whose clock its times are told by: the site's; over several sites, UTC."""
        return self.zones[0] if self.state.site else ZoneInfo("UTC")

    @cached_property
    def next_runs(self) -> list[datetime]:
        """The next runs, if it is agreed to and goes on. By age, only the first of them."""
        if self.state.phase is SchedulePhase.ENDED:
            return []
        return clock.next_runs(self.state, timezone.now(), NEXT)

    @cached_property
    def offered(self) -> list[type[Command[ScheduleState]]]:
        now = timezone.now()
        return [
            step
            for step in steps().values()
            if step.offered(self.state, now) and step.offered_to(self.state, self.person)
        ]

    @cached_property
    def approver_gone(self) -> bool:
        """Whether whoever agreed may not do so any more: then each run waits for a person."""
        state = self.state
        return bool(state.approver_id) and not approver_may(
            state.approver_id, state.organisation, state.site
        )

    @property
    def story(self) -> list[Recorded]:
        return list(read_stream(self.state.id))


def standing(actor: Actor, schedule_id: UUID) -> Standing:
    """Raises NotFound."""
    row = schedule(actor, schedule_id)
    return Standing(row, state_of(ScheduleState, schedule_id), human(actor).id)
