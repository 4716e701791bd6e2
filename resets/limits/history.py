"""What has counted, as the log tells it: for making the ledger again, and for previews."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from fleet.accounts.access import human
from fleet.eventstore import store
from fleet.eventstore.messages import CATEGORIES, Event, Recorded, State
from fleet.eventstore.projections import Difference, also_rebuilt
from fleet.eventstore.tables import batches
from resets.campaigns.state import CodesState
from resets.campaigns.steps.codes import (
    CampaignCodeIssued,
    CampaignCodeRejected,
    CampaignCodeTurnedAway,
    CampaignCodeVerified,
)
from resets.limits import ledger
from resets.limits.counting import About, Happened
from resets.limits.models import LimitUse
from resets.limits.rules import LONGEST, Counted
from resets.state import ResetState
from resets.steps.request_reset import ResetRequested
from resets.steps.send_code import CodeIssued
from resets.steps.verify_code import CodeRejected, CodeTurnedAway, CodeVerified

COUNTS: dict[type[Event[Any]], Counted] = {
    ResetRequested: Counted.RESETS,
    CodeIssued: Counted.CODES,
    CodeVerified: Counted.GUESSES,
    CodeRejected: Counted.GUESSES,
    CodeTurnedAway: Counted.GUESSES,
    CampaignCodeIssued: Counted.CODES,
    CampaignCodeVerified: Counted.GUESSES,
    CampaignCodeRejected: Counted.GUESSES,
    CampaignCodeTurnedAway: Counted.GUESSES,
}
STRANGE = (CodeTurnedAway, CampaignCodeTurnedAway)
AT_ONCE = 1000


def happened(since: datetime, organisation: UUID | None = None) -> Iterator[Happened]:
    """Every use from `since` on, in order; in one organisation, or everywhere."""
    people: dict[tuple[str, str], str] = {}
    for some in _pages(since, organisation):
        before = _states_before(some)
        for recorded in some:
            if isinstance(recorded.event, ResetRequested) and recorded.event.campaign:
                continue  # campaigns have an approval and a pace of their own
            actor = recorded.actor
            person = people.get((actor.kind, actor.id))
            if person is None:
                person = people[actor.kind, actor.id] = human(actor).id
            yield _use(recorded, before[recorded.stream, recorded.version], person)


def _use(recorded: Recorded, before: State, person: str) -> Happened:
    """The use that an event was, on a reset (or the codes of a campaign) as it stood before."""
    event = recorded.event
    counted = COUNTS[type(event)]
    if isinstance(before, CodesState):
        keys = About.of_campaign(before).keys(counted, strange=isinstance(event, STRANGE))
        return Happened(recorded.at, counted, keys, None, site=before.site)
    if isinstance(event, CodeIssued) and event.by_phone:
        person = event.owner
    state = event.evolve(before)
    assert isinstance(state, ResetState) and state.organisation and state.site and state.subject
    at = (state.organisation, state.site, state.subject)
    about = About(*at, state.reset_email, person, recorded.source, state.nvr)
    keys = about.keys(counted, strange=isinstance(event, STRANGE))
    return Happened(recorded.at, counted, keys, state.subject, site=state.site)


def _states_before(some: Iterable[Recorded]) -> dict[tuple[UUID, int], State]:
    """Each reset as it stood before each of its events: its mailbox may have been another."""
    before: dict[tuple[UUID, int], State] = {}
    state: State = ResetState(UUID(int=0))
    for recorded in store.read_streams(sorted({one.stream for one in some})):
        if recorded.version == 1:
            state = CATEGORIES[recorded.category](recorded.stream)
        before[recorded.stream, recorded.version] = state
        state = recorded.event.evolve(state)
    return before


def _pages(since: datetime, organisation: UUID | None) -> Iterator[list[Recorded]]:
    types = [kind.tag for kind in COUNTS]
    # A little earlier: the clocks of several servers are not one.
    after, end = store.position_before(since - timedelta(minutes=5)), store.last_position()
    while some := store.read_between(after, end, types, AT_ONCE):
        after = some[-1].position
        seen = [r for r in some if organisation in (None, r.organisation) and r.at >= since]
        if seen:
            yield seen


# --- the ledger from the log ----------------------------------------------------------------------


def recount() -> int:
    """Throw the ledger away and make it again; answers with the number of uses."""
    since = timezone.now() - timedelta(seconds=LONGEST)
    with transaction.atomic():
        LimitUse.objects.all().delete()
        return sum(ledger.add(_uses(some)) for some in batches(happened(since), AT_ONCE))


def differences() -> Iterator[Difference]:
    """Uses that the log does not tell of, or that are missing.

    People may go on working: what looks different is looked at again while nothing is appended.
    """
    if not _compared():
        return
    with store.nothing_appended():
        found = _compared()
    for (key, _), count in found.items():
        yield Difference("limit_use", key, "is missing" if count > 0 else "is too much", key)


def _compared() -> dict[tuple[UUID, datetime], int]:
    """How many more uses the log tells of than there are."""
    since = timezone.now() - timedelta(seconds=LONGEST)
    more = Counter((key, one.at) for one in happened(since) for key in one.keys.values())
    there = LimitUse.objects.filter(at__gte=since).values_list("key", "at")
    more.subtract(Counter(there.iterator()))
    return {use: count for use, count in more.items() if count}


def register() -> None:
    also_rebuilt(recount, differences)


def _uses(some: Iterable[Happened]) -> list[tuple[UUID, datetime]]:
    return [(key, one.at) for one in some for key in one.keys.values()]
