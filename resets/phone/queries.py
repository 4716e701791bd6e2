"""What whoever holds a token may see of its reset. Nobody is signed in: a token is all there is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from devices import queries as devices
from devices.models import Device
from fleet.accounts.access import human
from fleet.errors import NotFound
from fleet.eventstore.messages import Actor
from fleet.eventstore.store import load, state_of
from resets import queries
from resets.models import Reset
from resets.phone.tokens import Claim, Kind, PhoneKey, read
from resets.state import ResetState


@dataclass(frozen=True)
class Held:
    """A reset as the holder of an authentic token of it may see it."""

    claim: Claim
    state: ResetState
    device: Device
    now: datetime


def held(kind: Kind, text: str) -> Held | None:
    """What a token opens; None for what is not authentic.

    Whatever was sent, the same is done until it is known: one stream is read, one MAC compared.
    """
    claim = read(text)
    try:
        state = state_of(ResetState, claim.reset)
    except NotFound:  # the id of something else
        state = ResetState(claim.reset)
    if not PhoneKey(settings.REKEY_CODE_KEY).holds(claim, kind, state):
        return None
    assert state.subject
    return Held(claim, state, devices.device_for_jobs(state.subject), timezone.now())


@dataclass(frozen=True)
class Shown:
    """A reset, and whether its newest QR is live and the reader's own."""

    row: Reset
    state: ResetState
    is_live: bool


def is_own(state: ResetState, actor: Actor) -> bool:
    """Whether the newest QR was shown by the person behind this actor: it is theirs alone."""
    person = human(actor).id
    return bool(state.qr and person) and state.qr_owner == person


def shown(actor: Actor, ids: Sequence[UUID]) -> list[Shown]:
    """These resets, as far as the actor may see them."""
    rows = list(queries.resets(actor).filter(pk__in=ids).order_by("device__place__name", "pk"))
    states, now = load({row.pk: ResetState for row in rows}), timezone.now()
    found = []
    for row in rows:
        state = states[row.pk].state
        assert isinstance(state, ResetState)
        found.append(Shown(row, state, state.qr_is_live(now) and is_own(state, actor)))
    return found
