"""A campaign under way as its page shows it. Everything here is worked out; nothing is decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.functional import cached_property

from fleet.accounts.access import may
from fleet.accounts.state import Role
from fleet.audit.entries import Entry, story_of
from fleet.eventstore.messages import Actor, Command, Recorded
from fleet.eventstore.store import read_stream
from resets import words as reset_words
from resets.campaigns import live_queries, queries, sharing, words
from resets.campaigns.control_page import Button, buttons
from resets.campaigns.live_counts import Figure, Reason, Share
from resets.campaigns.live_outlook import (
    NAMED,
    Closed,
    Facts,
    Missing,
    Outlook,
    Paused,
    outlook,
    per_minute,
    roughly,
    time_left,
)
from resets.campaigns.settings import BegunLately
from resets.campaigns.state import CampaignPhase, CampaignState, Kind, Standing
from resets.campaigns.steps.approve_campaign import (
    ApproveCampaign,
    CampaignApproved,
    DeclineCampaign,
)
from resets.campaigns.steps.by_schedule import ApprovedBySchedule
from resets.campaigns.steps.control import CampaignPaused, CampaignResumed
from resets.campaigns.steps.items import CampaignNow
from resets.campaigns.steps.one_password import OnePasswordChosen
from resets.campaigns.steps.reopen_campaign import CampaignReopened, ReopenCampaign

SLICE = 10  # seconds for which pace and time left are told while nothing else has changed
WENT_ON = (CampaignApproved, ApprovedBySchedule, CampaignResumed, CampaignReopened)
AGREEING = (ApproveCampaign, DeclineCampaign)  # asked on the page of the plan
BEFORE = (CampaignPhase.DRAWING_UP, CampaignPhase.AWAITING_APPROVAL)


@dataclass(frozen=True)
class LivePage:
    """One campaign, for one reader, at one moment."""

    state: CampaignState
    events: int
    actor: Actor
    now: datetime

    @classmethod
    def of(cls, actor: Actor, campaign: UUID, now: datetime) -> LivePage:
        """Raises NotFound for who may not see it."""
        return cls(*live_queries.standing(actor, campaign), actor, now)

    @cached_property
    def shared(self) -> sharing.SharedNote | None:
        given = any(isinstance(one.event, OnePasswordChosen) for one in self.story)
        return sharing.of_campaign(self.actor, self.state, given)

    @cached_property
    def story(self) -> list[Recorded]:
        """What happened to the campaign itself, oldest first."""
        return read_stream(self.state.id)

    @property
    def look(self) -> reset_words.Look:
        return words.PHASES[self.state.phase]

    @property
    def kind(self) -> reset_words.Look:
        return words.KINDS[self.state.kind]

    @property
    def settings(self) -> list[tuple[str, str]]:
        return words.settings(self.state.settings)

    @property
    def is_before(self) -> bool:
        return self.state.phase in BEFORE

    @property
    def by_code(self) -> bool:
        return self.state.kind is Kind.RESET

    # --- what is counted --------------------------------------------------------------------------

    @cached_property
    def groups(self) -> list[live_queries.Group]:
        return live_queries.groups(self.actor, self.state.id, self.now, self._since)

    @cached_property
    def all(self) -> Share:
        return self._share("All", "", "", self.groups)

    @cached_property
    def sites(self) -> list[Share]:
        """By site; empty where there is but one."""
        names = {site: row.name for site, row in self._sites.items()}
        found = self._shares(
            "site", lambda g: str(g.site), lambda g: names.get(g.site, "Another site")
        )
        return found if len(found) > 1 else []

    @cached_property
    def models(self) -> list[Share]:
        return self._shares("model", lambda g: g.model, lambda g: g.model or "Not known")

    @cached_property
    def reasons(self) -> list[Reason]:
        """Why devices failed, are parked or were left out: the most frequent first."""
        found: Counter[tuple[Standing, str]] = Counter()
        for group in self.groups:
            if group.why and group.standing is not Standing.PROVEN:
                found[group.standing, group.why] += group.count
        order = list(words.STANDINGS)
        reasons = [Reason(standing, why, count) for (standing, why), count in found.items()]
        return sorted(reasons, key=lambda r: (order.index(r.standing), -r.count, r.why))

    def _shares(
        self,
        by: str,
        key: Callable[[live_queries.Group], str],
        name: Callable[[live_queries.Group], str],
    ) -> list[Share]:
        parts: dict[str, list[live_queries.Group]] = {}
        for group in self.groups:
            parts.setdefault(key(group), []).append(group)
        shares = [self._share(name(part[0]), by, of, part) for of, part in parts.items()]
        return sorted(shares, key=lambda share: (share.name.lower(), share.key))

    def _share(self, name: str, by: str, key: str, groups: list[live_queries.Group]) -> Share:
        counts: Counter[Standing] = Counter()
        for group in groups:
            counts[group.standing] += group.count
        return Share(name, by, key, counts)

    @property
    def figures(self) -> list[Figure]:
        return [Figure(standing, self.all.counts[standing]) for standing in words.STANDINGS]

    @cached_property
    def _sites(self) -> dict[UUID, Any]:
        return live_queries.sites(self.actor, [*{group.site for group in self.groups}])

    @cached_property
    def zone(self) -> tzinfo | None:
        """That of its site; None where it goes over sites of several zones."""
        zones = {row.timezone for row in self._sites.values()}
        return ZoneInfo(zones.pop()) if len(zones) == 1 else None

    # --- how it gets on ---------------------------------------------------------------------------

    @property
    def _since(self) -> datetime:
        times = [r.at for r in self.story if r.type in _tags(WENT_ON)]
        return live_queries.since(self.now, times[-1] if times else None)

    @property
    def moves(self) -> bool:
        """Whether pace and time left are worth telling."""
        return self.state.phase in (CampaignPhase.RUNNING, CampaignPhase.ENDING)

    @cached_property
    def pace(self) -> float | None:
        """Devices a minute that came to an end lately."""
        ended = sum(group.ended for group in self.groups)
        return per_minute(ended, self.now - self._since) if self.moves else None

    @property
    def pace_told(self) -> str:
        if self.pace is None:
            return ""
        return f"{self.pace:,.0f}" if self.pace >= 10 else f"{self.pace:.1f}"

    @property
    def left_told(self) -> str:
        """ "about 40 min"; "" where there is no telling."""
        counts = self.all.counts
        to_come = counts[Standing.WAITING] + counts[Standing.RUNNING]
        left = time_left(to_come, self.pace, self.state.settings.pace)
        return roughly(left) if self.moves and left else ""

    @cached_property
    def outlook(self) -> Outlook:
        return outlook(self._facts)

    @property
    def _facts(self) -> Facts:
        state = self.state
        by_code = self.by_code and state.phase is CampaignPhase.RUNNING
        ring, in_ring = None, Counter[Standing]()
        if state.phase is CampaignPhase.RUNNING and state.settings.wave:
            ring, in_ring = live_queries.ring(self.actor, state.id, self.by_code)
        waits = {g.site for g in self.groups if g.standing is Standing.WAITING}
        closed = self._closed(waits)
        return Facts(
            phase=state.phase,
            now=self.now,
            why=state.why,
            settings=state.settings,
            counts=self.all.counts,
            planned=state.planned,
            failures=self._failures,
            ring=ring,
            in_ring=in_ring,
            begun=BegunLately(
                sum(group.begun for group in self.groups),
                sum(group.shortly for group in self.groups),
            ),
            full=self._full(waits),
            open_sites=len(waits) - len(closed),
            closed=closed,
            alarms=self._named(live_queries.alarms(self.actor, waits)) if by_code else (),
            missing=self._missing if by_code else Missing(),
            paused=self._paused,
            ends_at=state.ends_at,
            zone=self.zone,
        )

    @property
    def _failures(self) -> tuple[int, int]:
        if self.state.why != "failures":
            return 0, 0
        went_on = [r.event for r in self.story if r.type == CampaignResumed.tag]
        since = went_on[-1].counted_from if went_on else None  # type: ignore[attr-defined]
        return live_queries.failures(self.actor, self.state.id, since)

    @cached_property
    def _missing(self) -> Missing:
        return live_queries.missing(self.actor, self.state, NAMED)

    @property
    def waits_for_codes(self) -> bool:
        running = self.state.phase is CampaignPhase.RUNNING
        return self.by_code and running and self._missing.mailboxes > 0

    def _closed(self, sites: Iterable[UUID]) -> tuple[Closed, ...]:
        found, window = [], self.state.settings.window
        for site in sites:
            zone = ZoneInfo(getattr(self._sites.get(site), "timezone", "UTC"))
            if not window.is_open(self.now, zone):
                name = getattr(self._sites.get(site), "name", "another site")
                found.append(Closed(name, window.next_opening(self.now, zone), zone))
        return tuple(sorted(found, key=lambda closed: (closed.opens, closed.name)))

    def _full(self, sites: Iterable[UUID]) -> tuple[str, ...]:
        in_work: Counter[UUID] = Counter()
        for group in self.groups:
            if group.standing is Standing.RUNNING:
                in_work[group.site] += group.count
        full = [site for site in sites if in_work[site] >= self.state.settings.at_once]
        return self._named(full)

    def _named(self, sites: Iterable[UUID]) -> tuple[str, ...]:
        return tuple(sorted(self._sites[site].name for site in sites if site in self._sites))

    @property
    def _paused(self) -> Paused | None:
        paused = [r for r in self.story if r.type == CampaignPaused.tag]
        return Paused(paused[-1].actor.name, paused[-1].at) if paused else None

    # --- what may be done -------------------------------------------------------------------------

    def may(self, role: Role) -> bool:
        return may(self.actor, role, self.state.organisation, self.state.site)

    @cached_property
    def controls(self) -> list[type[Command[CampaignState]]]:
        """The steps that are open to whoever looks, in their order."""
        return [
            step
            for step in queries.steps().values()
            if step not in AGREEING
            and self.may(Role(step.by))
            and step.offered(self.state, self.now)
        ]

    @property
    def buttons(self) -> list[Button]:
        return buttons(self.controls, self.state)

    @property
    def can_retry(self) -> bool:
        """Whether a device that failed may be tried once more in it."""
        over = self.state.ends_at is None or self.now >= self.state.ends_at
        goes_on = CampaignNow.of(self.state).goes_on
        return not over and (goes_on or ReopenCampaign.helps(self.state))

    @property
    def may_retry(self) -> bool:
        return self.can_retry and bool(self.all.failed) and self.may(Role.ADMINISTRATOR)

    @property
    def may_hand_over(self) -> bool:
        return bool(self.all.counts[Standing.PROVEN]) and self.may(Role.ADMINISTRATOR)

    # --- live -------------------------------------------------------------------------------------

    @cached_property
    def version(self) -> str:
        """Changes when the live part would look different."""
        parts = [str(self.events), live_queries.version(self.actor, self.state.id)]
        if self.moves:
            parts.append(str(int(self.now.timestamp()) // SLICE))
        return ".".join(parts)

    @property
    def on(self) -> str:
        """Changes when the controls and the story would look different."""
        return f"{self.events}-{'retry' if self.may_retry else 'none'}"

    @property
    def ended(self) -> bool:
        """Whether nothing moves by itself any more."""
        return not self.state.phase.open

    @property
    def newest(self) -> str:
        return self.story[-1].sentence

    @property
    def entries(self) -> list[Entry]:
        """The story for the timeline, newest first."""
        return story_of(self.story)


def _tags(events: Iterable[Any]) -> set[str]:
    return {event.tag for event in events}
