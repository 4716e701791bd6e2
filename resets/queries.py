"""What pages, calls and steps ask about resets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from devices import queries as devices
from devices.passwords import PasswordRules
from fleet.accounts.access import holding, open_to, steps_of
from fleet.accounts.state import Role
from fleet.eventstore.messages import Actor, Command, Recorded
from fleet.eventstore.store import read_stream, state_of
from resets.models import Reset
from resets.phone.tokens import ByToken
from resets.state import AT_DEVICE, FAILED, Delivery, Phase, ResetState


def resets(actor: Actor) -> QuerySet[Reset]:
    rows: QuerySet[Reset] = Reset.objects.visible_to(actor).select_related("device__place")
    return rows.order_by("-id")


def reset(actor: Actor, reset_id: UUID) -> Reset:
    return devices.one(resets(actor), reset_id, "reset")


def open_reset_of(actor: Actor, device_id: UUID) -> Reset | None:
    row: Reset | None = resets(actor).filter(device=device_id, open=True).first()
    return row


def steps() -> dict[str, type[Command[ResetState]]]:
    """Those that people with a role can take on a reset that has begun, by their address."""
    some = steps_of(ResetState).items()
    return {slug: step for slug, step in some if not issubclass(step, ByToken)}


def offered(actor: Actor, reset_id: UUID) -> list[type[Command[ResetState]]]:
    """The steps that are open to this actor now, in the order of the contents page."""
    return open_to(actor, steps(), state_of(ResetState, reset_id), timezone.now())


@dataclass(frozen=True)
class Standing:
    """All that a page about one reset shows, at one moment. `story` is its events, oldest first;
    `turned` is the one that led to the phase in which it is.
    """

    row: Reset
    state: ResetState
    story: list[Recorded]
    turned: Recorded
    offered: list[type[Command[ResetState]]]
    now: datetime

    @property
    def zone(self) -> ZoneInfo:
        return devices.zone_of(self.row.device)

    @property
    def password_rules(self) -> PasswordRules:
        return PasswordRules.of_device(self.row.device.max_password)


def standing(actor: Actor, reset_id: UUID) -> Standing:
    """How a reset stands. Raises NotFound."""
    row = reset(actor, reset_id)
    story, state, now = read_stream(row.id), ResetState(row.id), timezone.now()
    turned = story[0]
    for recorded in story:
        before, state = state, recorded.event.evolve(state)
        turned = recorded if state.phase is not before.phase else turned
    return Standing(row, state, story, turned, open_to(actor, steps(), state, now), now)


def newest_of(actor: Actor, device_ids: Iterable[UUID]) -> QuerySet[Reset]:
    """The newest reset of each of these devices."""
    seen = resets(actor)
    newest = seen.filter(device=OuterRef("device")).values("id")[:1]
    return seen.filter(device__in=list(device_ids), id=Subquery(newest))


def with_text(rows: QuerySet[Reset], text: str) -> QuerySet[Reset]:
    """Those with a text in the device's name, in the reason, or in who asked."""
    told = Q(device_name__icontains=text) | Q(reason__icontains=text)
    return rows.filter(told | Q(asker__icontains=text))


class Glass(StrEnum):
    """How it stands with a reset whose glass was broken."""

    BROKEN = "broken"
    TO_REVIEW = "to_review"


def with_glass(rows: QuerySet[Reset], glass: Glass) -> QuerySet[Reset]:
    """Those in which somebody acted alone; or only those that nobody has looked into yet."""
    if glass is Glass.TO_REVIEW:
        return rows.filter(awaits_review=True)
    return rows.exclude(glass_broken_by="")


def under_way(actor: Actor) -> QuerySet[Reset]:
    return resets(actor).filter(open=True)


def waiting_for(actor: Actor) -> QuerySet[Reset]:
    """Resets that wait for a person, where this one may go on with them. For those that a second
    person has to agree to, see `resets.approvals.queries`.
    """
    waiting = [phase for phase in Phase if phase.with_people and phase.agreed]
    at_device = Q(phase=Phase.APPLYING, waiting_for__in=AT_DEVICE)
    return under_way(holding(actor, Role.TECHNICIAN)).filter(Q(phase__in=waiting) | at_device)


def undelivered(actor: Actor) -> QuerySet[Reset]:
    """Resets under way whose newest mail has not arrived, and may never do so."""
    late = (Delivery.DEFERRED, Delivery.HELD_UP)
    return under_way(actor).filter(delivery__in=[*late, *FAILED])


def ended(actor: Actor) -> QuerySet[Reset]:
    return resets(actor).filter(open=False)
