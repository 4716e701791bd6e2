"""What people are told of a campaign by mail: never a password or a code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.urls import reverse

from devices.models import Device, Site
from devices.queries import place_for_jobs
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from fleet.web.templatetags.times import in_zone
from resets.campaigns import words
from resets.campaigns.models import CampaignItem
from resets.campaigns.state import WHY, CampaignState, Standing
from resets.campaigns.steps.approve_campaign import CampaignDeclined
from resets.models import Reset
from resets.notices.cases import Case
from resets.recorder.state import AtRecorder

MOST_NAMED = 500  # devices in one mail; the report has them all
FAILED = tuple(standing.value for standing in Standing if standing.failed)
LEFT_AT_NVR = [one.value for one in AtRecorder if one.owed]


@dataclass(frozen=True)
class Outcome:
    """What came of one device."""

    device: UUID
    name: str
    site: UUID
    standing: str
    why: str
    attempt: int
    mailbox: str

    @property
    def told(self) -> str:
        """ "Failed: it refused the password"."""
        told = words.STANDINGS[Standing(self.standing)].text
        return f"{told}: {self.reason}" if self.reason else told

    @property
    def reason(self) -> str:
        return words.why(self.standing, self.why)


# --- while it is not over -------------------------------------------------------------------------


def to_approve(recorded: Recorded) -> Case:
    state = state_of(CampaignState, recorded.stream)
    lead = (
        f"{state.planner} asks for {_what(state)}. Nothing is done before somebody else agrees to "
        "the list of devices and to the settings as they are sealed."
    )
    lines = [
        ("Devices", f"{state.planned:,} of {state.chosen:,} that were chosen"),
        *words.shared(state.settings),
        ("Has to be agreed to before", in_zone(state.ends_at, _zone(state))),
    ]
    return _case(recorded, state, f"Your approval is asked: {_name(state)}", lead, lines)


def declined(recorded: Recorded) -> Case:
    state = state_of(CampaignState, recorded.stream)
    assert isinstance(recorded.event, CampaignDeclined)
    lead = f"{recorded.actor.name} did not agree to your campaign. No device was touched."
    lines = [("Reason", recorded.event.reason)]
    return _case(recorded, state, f"Declined: {_name(state)}", lead, lines)


def stopped_itself(recorded: Recorded, why: str) -> Case:
    state = state_of(CampaignState, recorded.stream)
    lead = (
        f"The campaign has paused itself: {WHY.get(why, why)}. What was in work comes to its end; "
        "nothing more begins before somebody lets it go on, or cancels it."
    )
    rows = CampaignItem.objects.for_jobs().filter(campaign=state.id)
    lines = list(_tally(Counter(rows.values_list("standing", flat=True))))
    lines += _why_failed(outcomes(state))
    return _case(recorded, state, f"A campaign stopped itself: {_name(state)}", lead, lines)


# --- when it is over ------------------------------------------------------------------------------


def outcomes(state: CampaignState) -> list[Outcome]:
    """What came of each device, in their order. The mailbox is the one that it has by now: where
    that was changed meanwhile, the device was left out.
    """
    rows = CampaignItem.objects.for_jobs().filter(campaign=state.id).order_by("number", "id")
    columns = ("device", "device_name", "site", "standing", "why", "attempt", "mailbox")
    mailboxes = dict(
        Device.objects.for_jobs()
        .filter(pk__in=rows.order_by().values("device"))
        .values_list("pk", "reset_email")
    )
    return [
        Outcome(device, _one_line(name), site, standing, why, attempt, mailbox or mailboxes[device])
        for device, name, site, standing, why, attempt, mailbox in rows.values_list(*columns)
    ]


def ended(
    recorded: Recorded, found: Sequence[Outcome], sites: frozenset[UUID] | None = None
) -> Case:
    """For those who administer the campaign's place, or (`sites`) some of its sites alone."""
    state = state_of(CampaignState, recorded.stream)
    here = [one for one in found if sites is None or one.site in sites]
    lines = [*_tally(Counter(one.standing for one in here)), *_by_site(here)]
    lines += [*_why_left_out(here), *_why_failed(here)]
    owed = Reset.objects.for_jobs().filter(campaign=state.id, recorder__in=LEFT_AT_NVR)
    if left := owed.filter(device__in=[one.device for one in here]).count():
        cameras = "1 camera" if left == 1 else f"{left:,} cameras"
        lines.append(("Left to do at NVRs", f"{cameras}: see the dashboard"))
    lines += words.shared(state.settings) if state.one_passwords else []
    at = "" if sites is None else " where you are an administrator"
    lead = f"The campaign has ended: {WHY.get(state.why, state.why)}."
    title = f"The campaign has ended: {_name(state)}"
    if any(one.standing != Standing.LEFT_OUT for one in here):
        lead += f" What came of it{at}:"
    else:
        lead += f" No device was changed{at}." if state.why != "unchanged" else ""
        title = f"The campaign has changed no device: {_name(state)}"
    # Whoever sees but some sites does not see a campaign that goes over all of them.
    return _case(recorded, state, title, lead, lines, seen=sites is None)


def to_owner(recorded: Recorded, theirs: Sequence[Outcome]) -> Case:
    """For whoever reads the Reset Password Email of these devices."""
    state = state_of(CampaignState, recorded.stream)
    sites = Site.objects.for_jobs().filter(pk__in={one.site for one in theirs})
    names = dict(sites.values_list("pk", "name"))
    own = "" if state.settings.one_password else ", each its own"
    lead = (
        f"Devices whose Reset Password Email this mailbox is were to get new passwords{own}. "
        "What came of each:"
    )
    lines = [(f"{one.name}, {names.get(one.site, '')}", one.told) for one in theirs[:MOST_NAMED]]
    if (more := len(theirs) - MOST_NAMED) > 0:
        lines.append(("And", f"{more:,} more"))
    title = f"New passwords: {_name(state)}"
    return _case(recorded, state, title, lead, lines, several=True)


# --- their parts ----------------------------------------------------------------------------------


def _case(
    recorded: Recorded,
    state: CampaignState,
    title: str,
    lead: str,
    lines: Iterable[tuple[str, str]],
    *,
    seen: bool = True,
    several: bool = False,
) -> Case:
    assert state.organisation
    zone = _zone(state)
    facts = [
        ("Campaign", f"{_name(state)} ({words.KINDS[state.kind].text.lower()})"),
        ("Reason given", state.reason),
        ("Planned by", state.planner),
    ]
    facts += [("Agreed to by", state.approver)] if state.approver else []
    return Case(
        recorded,
        state.organisation,
        state.site,
        title,
        lead,
        (*facts, *lines, ("When", in_zone(recorded.at, zone))),
        reverse("campaign", args=[state.id]) if seen else "",
        several,
    )


def _tally(counts: Counter[str]) -> Iterator[tuple[str, str]]:
    for standing, look in words.STANDINGS.items():
        if counts[standing.value]:
            yield look.text, f"{counts[standing.value]:,}"


def _by_site(found: Sequence[Outcome]) -> list[tuple[str, str]]:
    """Where there are several: how many of each site are proven."""
    sites = Counter(one.site for one in found)
    if len(sites) < 2:
        return []
    proven = Counter(one.site for one in found if one.standing == Standing.PROVEN)
    rows = Site.objects.for_jobs().filter(pk__in=sites).order_by("name")
    return [(r.name, f"{proven[r.pk]:,} of {sites[r.pk]:,} proven") for r in rows]


def _why_left_out(found: Sequence[Outcome]) -> list[tuple[str, str]]:
    """How many for each reason, the most frequent first."""
    reasons = Counter(one.reason for one in found if one.standing == Standing.LEFT_OUT)
    return [(reason, f"{count:,} left out") for reason, count in reasons.most_common()]


def _why_failed(found: Sequence[Outcome]) -> list[tuple[str, str]]:
    failed = [one for one in found if one.standing in FAILED]
    lines = [(one.name, one.told) for one in failed[:MOST_NAMED]]
    more = len(failed) - len(lines)
    return [*lines, ("And", f"{more:,} more that failed")] if more else lines


def _what(state: CampaignState) -> str:
    many = "one device" if state.planned == 1 else f"{state.planned:,} devices"
    return f"new passwords on {many}"


def _name(state: CampaignState) -> str:
    return _one_line(state.name)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _zone(state: CampaignState) -> str | None:
    return place_for_jobs(state.site).timezone if state.site else None
