"""What stands in a campaign's report: read once, so that its totals are those of its lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from django.utils import timezone
from django.utils.functional import cached_property
from django.utils.text import slugify

from devices.models import Device, Site
from fleet.accounts.access import may
from fleet.accounts.state import Role
from fleet.errors import NotFound
from fleet.eventstore.messages import Actor
from resets.campaigns import queries, words
from resets.campaigns.models import Campaign
from resets.campaigns.remarks import BY_HAND, Remarks
from resets.campaigns.settings import Settings
from resets.campaigns.state import WHY, CampaignPhase, Kind
from resets.recorder import queries as recorders

_HEADS = tuple(look.text for look in words.STANDINGS.values())
_COLUMNS = (
    "site", "device_name", "model", "device__serial", "nvr", "username", "standing", "why",
    "begun_at", "ended_at", "attempt", "reset",
)  # fmt: skip


class Line(NamedTuple):
    """One device. Times are those of its site."""

    site: str
    device: str
    model: str
    serial: str
    nvr: str
    account: str
    standing: str
    why: str
    begun: str
    ended: str
    tries: str
    reset: str


@dataclass(frozen=True)
class Table:
    """Rows under heads; `widths` are shares of the line."""

    name: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[int]


@dataclass(frozen=True)
class Report:
    """`facts` are about the campaign as a whole; empty for who sees but some of its devices."""

    title: str
    facts: Sequence[tuple[str, str]]
    lines: Sequence[Line]
    drawn_up: datetime

    @property
    def file_name(self) -> str:
        """Without its ending."""
        name = slugify(self.title)[:60]
        return f"rekey-campaign-{name or 'report'}-{self.drawn_up:%Y-%m-%d}"

    @cached_property
    def tables(self) -> tuple[Table, ...]:
        return (
            Table("Campaign", ("Campaign", self.title), self.facts, (20, 80)),
            Table("Sites", ("Site", *_HEADS, "Altogether"), list(self._sites()), (24,) + (9,) * 8),
            Table("Reasons", ("Standing", "Why", "Devices"), list(self._reasons()), (15, 75, 10)),
            Table("Devices", HEADS, self.lines, WIDTHS),
        )

    def _sites(self) -> Iterator[Sequence[str]]:
        """How many devices of each site stand where, and at last all of them."""
        tally = Counter((line.site, line.standing) for line in self.lines)
        for site in sorted({line.site for line in self.lines}):
            yield _row(site, [tally[site, head] for head in _HEADS])
        altogether = Counter(line.standing for line in self.lines)
        yield _row("All of them", [altogether[head] for head in _HEADS])

    def _reasons(self) -> Iterator[Sequence[str]]:
        tally = Counter((line.standing, line.why) for line in self.lines if line.why)
        for (standing, why), count in sorted(tally.items(), key=lambda one: (-one[1], one[0])):
            yield standing, why, f"{count}"


HEADS = (
    "Site", "Device", "Model", "Serial number", "NVR", "Account", "Standing", "Why", "Begun",
    "Ended", "Tries", "Reset",
)  # fmt: skip
WIDTHS = (9, 13, 10, 10, 9, 6, 6, 12, 8, 8, 3, 10)


def report(actor: Actor, campaign_id: UUID) -> Report:
    """The report of a campaign, as this actor may see it: who has a role at some of its sites alone
    gets the lines of these, and nothing about the others.

    Raises NotFound.
    """
    row = queries.campaigns(actor).filter(pk=campaign_id).first()
    lines, now = list(_lines(actor, campaign_id)), timezone.now()
    if row is None and not lines:
        raise NotFound("campaign")
    drawn_up = ("Drawn up", f"{_at(now, ZoneInfo('UTC'))}, for {actor.name}")
    if row is None:
        some = ("Devices", "Those of the sites alone at which you have a role")
        return Report("Devices of a campaign", (some, drawn_up), lines, now)
    return Report(row.name, (*_facts(actor, row), drawn_up), lines, now)


def _lines(actor: Actor, campaign_id: UUID) -> Iterator[Line]:
    rows = list(queries.items(actor, campaign_id).values_list(*_COLUMNS, named=True))
    sites = _sites_seen(actor)
    # By their ids, not by a subquery: without fresh statistics PostgreSQL goes through the items
    # once for each device.
    nvrs = Device.objects.visible_to(actor).filter(pk__in={row.nvr for row in rows if row.nvr})
    names = dict(nvrs.values_list("pk", "name"))
    looks = {standing.value: look.text for standing, look in words.STANDINGS.items()}
    remarks = Remarks(campaign_id, {row.nvr for row in rows})
    to_be_told = recorders.to_be_told(actor, campaign_id)
    for row in rows:
        site, zone = sites.get(row.site, ("", _UTC))
        yield Line(
            site=site,
            device=row.device_name,
            model=row.model,
            serial=row.device__serial or "",
            nvr=names.get(row.nvr, ""),
            account=row.username,
            standing=looks[row.standing],
            why=words.why(row.standing, row.why)
            or remarks.words(row.nvr, row.standing)
            or (BY_HAND if row.reset in to_be_told else ""),
            begun=_at(row.begun_at, zone),
            ended=_at(row.ended_at, zone),
            tries=str(row.attempt),
            reset=str(row.reset or ""),
        )


_UTC = ZoneInfo("UTC")


def _sites_seen(actor: Actor) -> Mapping[UUID, tuple[str, ZoneInfo]]:
    """Also those that are closed by now."""
    rows = Site.objects.visible_to(actor).values_list("pk", "name", "timezone")
    return {pk: (name, ZoneInfo(zone)) for pk, name, zone in rows}


def _facts(actor: Actor, row: Campaign) -> Iterator[tuple[str, str]]:
    name, zone = "All sites of the organisation", _UTC
    if row.site:
        name, zone = _sites_seen(actor)[row.site]
    phase = words.PHASES[CampaignPhase(row.phase)].text
    yield "Kind", words.KINDS[Kind(row.kind)].text
    yield "Reason", row.about
    yield "Place", name
    yield "Stands", f"{phase}: {WHY[row.why]}" if row.why in WHY else phase
    yield "Planned by", row.planner
    yield "Agreed to by", row.approver
    yield "Began", _at(row.began_at, zone)
    yield "Ended", _at(row.ended_at, zone)
    yield "Ends at the latest", _at(row.ends_at, zone)
    yield "Devices", f"{row.planned:,} planned of {row.chosen:,} chosen"
    yield from words.settings(msgspec.convert(row.settings, Settings))
    if row.digest and may(actor, Role.ADMINISTRATOR, row.organisation, row.site):
        # For nobody else: a mailbox that somebody guesses could be tried against it.
        yield "Digest of what was agreed to", row.digest


def _row(name: str, counts: Sequence[int]) -> Sequence[str]:
    return name, *(f"{count}" for count in counts), f"{sum(counts)}"


def _at(at: datetime | None, zone: Any) -> str:
    """ "2026-11-22 15:26:09+01:00": sorts by itself, and says which time it is."""
    return at.astimezone(zone).isoformat(" ", "seconds") if at else ""
