"""What pages and calls ask about schedules. Everything asks as somebody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.functional import cached_property

from devices.queries import one
from fleet.accounts.access import holding, human, open_to, steps_of
from fleet.accounts.state import Role
from fleet.eventstore.messages import Actor, Command, Recorded
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


def awaiting(actor: Actor) -> QuerySet[Schedule]:
    """Those that this actor may agree to: an administrator there, and somebody else's."""
    rows = _asked_for(holding(actor, Role.ADMINISTRATOR))
    return rows.exclude(maker_id=human(actor).id)


def own(actor: Actor) -> QuerySet[Schedule]:
    """Those that this actor has made, or changed last, and somebody else has to agree to."""
    return _asked_for(actor).filter(maker_id=human(actor).id)


def _asked_for(actor: Actor) -> QuerySet[Schedule]:
    return schedules(actor).filter(phase=SchedulePhase.AWAITING_APPROVAL.value)


def runs(actor: Actor, schedule_id: UUID) -> QuerySet[Campaign]:
    """The campaigns of its runs that may be seen, the newest first."""
    return campaigns(actor).filter(schedule=schedule_id)


def steps() -> dict[str, type[Command[ScheduleState]]]:
    """What people may do with a schedule that is there, by the name in its address."""
    return steps_of(ScheduleState)


@dataclass(frozen=True)
class Standing:
    """How a schedule stands, for whoever looks."""

    row: Schedule
    state: ScheduleState
    person: str
    offered: list[type[Command[ScheduleState]]]

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
    row, state = schedule(actor, schedule_id), state_of(ScheduleState, schedule_id)
    return Standing(row, state, human(actor).id, open_to(actor, steps(), state, timezone.now()))
