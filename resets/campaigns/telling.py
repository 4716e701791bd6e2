"""Who is told of a campaign by mail: one mail for each person and event."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid5

from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import reaction
from resets.campaigns import letters
from resets.campaigns.letters import Outcome
from resets.campaigns.state import CampaignState
from resets.campaigns.steps.approve_campaign import CampaignDeclined
from resets.campaigns.steps.by_schedule import NotApprovedBySchedule
from resets.campaigns.steps.control import CampaignPaused
from resets.campaigns.steps.end_campaign import CampaignEnded
from resets.campaigns.steps.seal_plan import PlanSealed
from resets.notices import readers
from resets.notices.cases import Case
from resets.notices.reactions import tell, tell_each
from resets.notices.readers import Reader

Letters = list[tuple[Reader, Case]]


@reaction(PlanSealed, NotApprovedBySchedule, urgent=True)
def ask_to_agree(recorded: Recorded) -> None:
    """The administrators but the planner; where a schedule has planned it, only if its approval
    does not hold for it.
    """
    state = state_of(CampaignState, recorded.stream)
    if state.schedule is not None and isinstance(recorded.event, PlanSealed):
        return
    assert state.organisation
    case = letters.to_approve(recorded)
    asked = readers.administrators(state.organisation, state.site, but=state.planner_id)
    tell_each(case, asked)


@reaction(CampaignDeclined, urgent=True)
def tell_of_declined_campaign(recorded: Recorded) -> None:
    state = state_of(CampaignState, recorded.stream)
    assert state.organisation
    planner = readers.person(state.planner_id, state.organisation, state.site)
    tell_each(letters.declined(recorded), planner)


@reaction(CampaignPaused, urgent=True)
def tell_of_stop(recorded: Recorded) -> None:
    """Only where nobody has paused it."""
    event, state = recorded.event, state_of(CampaignState, recorded.stream)
    assert isinstance(event, CampaignPaused) and state.organisation
    if event.why == "by_person":
        return
    case = letters.stopped_itself(recorded, event.why)
    tell_each(case, readers.administrators(state.organisation, state.site))


@reaction(CampaignEnded)
def tell_of_campaign(recorded: Recorded) -> None:
    """Every recovery is told to its owner (NIST SP 800-63B-4; OWASP ASVS 5.0, 6.3.7), all of one
    mailbox in one mail; and the administrators of each site. One that was never agreed to, and
    touched nothing, is told nobody.
    """
    state = state_of(CampaignState, recorded.stream)
    if state.began_at is None:
        return
    found = letters.outcomes(state)
    told = _administrators(recorded, state, found) + _owners(recorded, found)
    once = {id(one) for one in readers.each_once(reader for reader, _ in told)}
    tell((reader, case) for reader, case in told if id(reader) in once)


def _administrators(recorded: Recorded, state: CampaignState, found: Sequence[Outcome]) -> Letters:
    """Whoever administers the whole place is told of it all, who has but sites of it, of these."""
    assert state.organisation
    whole = letters.ended(recorded, found)
    told = [(one, whole) for one in readers.administrators(state.organisation, state.site)]
    if state.site is not None:
        return told
    theirs: dict[Reader, set[UUID]] = {}
    for site in {one.site for one in found}:
        for one in readers.administrators(state.organisation, site):
            theirs.setdefault(one, set()).add(site)
    of_all = {reader for reader, _ in told}
    return told + [
        (one, letters.ended(recorded, found, frozenset(sites)))
        for one, sites in theirs.items()
        if one not in of_all
    ]


def _owners(recorded: Recorded, found: Sequence[Outcome]) -> Letters:
    """The owners of mailboxes of which a device was begun."""
    theirs: dict[str, list[Outcome]] = {}
    for one in found:
        if one.mailbox:
            theirs.setdefault(one.mailbox, []).append(one)
    return [
        (_owner(recorded, mailbox), letters.to_owner(recorded, some))
        for mailbox, some in theirs.items()
        if any(one.attempt for one in some)
    ]


def _owner(recorded: Recorded, mailbox: str) -> Reader:
    [reader] = readers.owner(mailbox)
    key = f"{reader.key} {uuid5(recorded.stream, mailbox).hex[:12]}"  # each of them is told
    return Reader(key, reader.name, reader.email)
