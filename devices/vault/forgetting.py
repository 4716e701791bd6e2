"""What the vault forgets: passwords that nobody names any more, and that no device can have.

Never one that may be on a device. A password reaches a device in one way only: it is put into the
vault, an event names it (a device added, a reset's chosen password), a job makes it a candidate of
the account's credential, and then the device hears of it. So along that way it is held by:

1. its age, from the moment it is put until something names it: nothing younger than a week goes;
2. whoever is registered with `held_by`, while it waits for a person: open resets, drafts of lists;
3. an event that a job is still owed for, however long the job waits or lies parked;
4. its credential, as the candidate, the current one, or one of the last five superseded;
5. the log of its credential, if it was a candidate since the account last had a proven password:
   the device may have taken it and its answer been lost, and many such may follow one another,
   more than the five that the credential remembers. Once a later password is proven, the device
   has that one, and this one is no longer on it.

They are asked in this order, the way that a password goes. Each step names it before the one before
it lets go of it: so a password that moves on while we ask is met at one of them. One that has come
off the end of the way does not come back onto it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import timedelta
from uuid import UUID

import structlog
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from devices.models import Credential, Secret
from devices.state import CredentialState
from fleet.eventstore.models import Checkpoint, EventRow, Job
from fleet.eventstore.store import read_stream
from fleet.eventstore.subscriptions import CHECKPOINT, heard_types

log = structlog.get_logger(__name__)

KEPT_FOR = timedelta(days=7)
BATCH = 500

# Given secrets and whose they are (secret → device), answers with those that it holds.
Provider = Callable[[Mapping[UUID, UUID]], Iterable[UUID]]
_providers: list[Provider] = []
_ID = re.compile("[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def held_by(provider: Provider) -> Provider:
    """Register somebody who holds secrets that no credential names yet.

    It is given secrets, each with its device, and answers with those that must stay. To answer with
    more than it holds is safe.
    """
    _providers.append(provider)
    return provider


def forget_unreferenced(older_than: timedelta = KEPT_FOR) -> int:
    """Delete the passwords that nobody needs and no device can have; answers with how many."""
    before, after, forgotten = timezone.now() - older_than, UUID(int=0), 0
    while rows := _old_rows(before, after):
        after = max(rows)
        # Most are named. Those are told quickly, and without keeping anybody waiting.
        if loose := _without(rows, _named(rows)):
            with transaction.atomic(durable=True):
                forgotten += _forget(loose)
    if forgotten:
        log.info("vault_forgot", passwords=forgotten)
    return forgotten


def _old_rows(before: object, after: UUID) -> dict[UUID, UUID]:
    found = Secret.objects.filter(created_at__lt=before, id__gt=after).order_by("id")
    return dict(found.values_list("id", "device")[:BATCH])


def _forget(loose: dict[UUID, UUID]) -> int:
    for provider in _providers:
        loose = _without(loose, provider(loose))
    if loose:
        loose = _without(loose, _owed())
    if loose:
        loose = _without(loose, _named_or_unsettled(loose))
    Secret.objects.filter(id__in=loose).delete()
    return len(loose)


def _without(rows: Mapping[UUID, UUID], kept: Iterable[UUID]) -> dict[UUID, UUID]:
    keep = set(kept)
    return {secret: device for secret, device in rows.items() if secret not in keep}


def _credentials(rows: Mapping[UUID, UUID]) -> Collection[Credential]:
    found: Collection[Credential] = Credential.objects.for_jobs().filter(
        device__in=set(rows.values())
    )
    return found


def _named(rows: Mapping[UUID, UUID]) -> set[UUID]:
    named: set[UUID | None] = set()
    for row in _credentials(rows):
        named |= {row.candidate, row.current, *map(UUID, row.superseded)}
    return {secret for secret in named if secret}


def _owed() -> set[UUID]:
    """Every id in an event that some reaction has yet to be done with, waiting or parked."""
    read = Checkpoint.objects.filter(name=CHECKPOINT).values_list("position", flat=True).first()
    unread = Q(position__gt=read or 0, type__in=heard_types())
    # In one statement: what becomes a job while we ask is met as the one or as the other.
    owed = EventRow.everything.filter(unread | Q(position__in=Job.objects.values("position")))
    texts = owed.values_list("data", flat=True)
    return {UUID(one) for text in texts.iterator() for one in _ID.findall(text)}


def _named_or_unsettled(rows: Mapping[UUID, UUID]) -> set[UUID]:
    """What the accounts of these devices name, and all that they tried since one was proven."""
    kept: set[UUID] = set()
    for account in _credentials(rows):
        state, tried = CredentialState(account.id), set[UUID]()
        for recorded in read_stream(account.id):
            before, state = state, recorded.event.evolve(state)
            if state.candidate and state.candidate != before.candidate:
                tried.add(state.candidate)
            if state.current != before.current:
                tried = set()  # this one is proven: those before it are off the device
        kept |= {*tried, *state.known}
    return kept
