"""Scans and discovered devices as their pages show them: all is looked up, nothing decided."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Q
from django.utils.functional import cached_property

from devices import queries
from devices.discovery import additions, discoveries
from devices.discovery.discoveries import Standing
from devices.state import Kind, Method, Repeat, ScanStatus
from devices.steps.add_device import AddDevice
from devices.steps.scan_network import RequestScan, StopScan
from devices.steps.site_networks import SetNetworks
from fleet.accounts.access import may
from fleet.accounts.state import Role
from fleet.audit.entries import Entry
from fleet.audit.queries import history
from fleet.eventstore.messages import Actor

EVENTS = 20
SHOWN = 5  # scans on the page of what was discovered

METHODS = {Method.WS_DISCOVERY: "WS-Discovery", Method.ADDRESS_SCAN: "Address scan"}
REPEATS = {
    Repeat.NEVER: "Once",
    Repeat.HOURLY: "Every hour",
    Repeat.DAILY: "Every day",
    Repeat.WEEKLY: "Every week",
}
_STATUS = {
    ScanStatus.RUNNING: ("busy", "Searching"),
    ScanStatus.FINISHED: ("ok", "Finished"),
    ScanStatus.FAILED: ("bad", "Failed"),
    ScanStatus.STOPPED: ("quiet", "Stopped"),
}


def zone_at(row: Any) -> ZoneInfo:
    """The time zone of a row's site."""
    return ZoneInfo(getattr(row.place, "timezone", "UTC"))


# --- scans ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class ScanPage:
    """One scan. `far` is how far its run is, None before it has said so."""

    actor: Actor
    row: Any
    far: Any = None

    @classmethod
    def of(cls, actor: Actor, scan: UUID) -> ScanPage:
        """Raises NotFound."""
        return cls.each(actor, [discoveries.scan(actor, scan)])[0]

    @classmethod
    def each(cls, actor: Actor, rows: Iterable[Any]) -> list[ScanPage]:
        rows = list(rows)
        running = [row.pk for row in rows if row.status == ScanStatus.RUNNING]
        far = discoveries.progress(actor, running) if running else {}
        return [cls(actor, row, _of_this_run(far.get(row.pk))) for row in rows]

    @property
    def running(self) -> bool:
        return bool(self.row.status == ScanStatus.RUNNING)

    @property
    def stands(self) -> tuple[str, str]:
        """Its tone and its word."""
        return _STATUS[ScanStatus(self.row.status)]

    @property
    def version(self) -> str:
        """Another text whenever the live part has to be shown anew."""
        far = f"{self.far.done}-{self.far.found}" if self.far else ""
        return f"{self.row.version}-{far}"

    @property
    def method(self) -> str:
        return METHODS[Method(self.row.method)]

    @property
    def repeat(self) -> str:
        return REPEATS[Repeat(self.row.repeat)]

    @property
    def by_address(self) -> bool:
        return bool(self.row.method == Method.ADDRESS_SCAN)

    @property
    def progress(self) -> str:
        """How far its run is, in words."""
        if self.far is None:
            return "Asking the addresses" if self.by_address else "Asking who is there"
        done, total, found = (f"{n:,}" for n in (self.far.done, self.far.total, self.far.found))
        if self.by_address:
            return f"{done} of {total} addresses and ports asked, {found} found"
        return f"{done} of {total} that answered looked at"

    @property
    def says(self) -> str:
        """For those who do not see it end."""
        return f"{self.row.network}: {self.stands[1]}, {self.row.found} found"

    @property
    def has_outcome(self) -> bool:
        """Whether its last run ended with something to show."""
        ended = self.row.ended_at and self.row.status != ScanStatus.FAILED
        return bool(ended and (self.row.found or self.row.gone))

    @property
    def outcome(self) -> list[str]:
        """What its last run that ended came to, if there is more to say than how many it found."""
        counts = {"new": self.row.new, "changed": self.row.changed, "gone": self.row.gone}
        return [f"{count} {word}" for word, count in counts.items() if count]

    @property
    def may_stop(self) -> bool:
        stops = self.running or self.row.next_at is not None
        return stops and self._may(Role(StopScan.by))

    @property
    def may_scan(self) -> bool:
        return self._may(Role(RequestScan.by))

    @property
    def zone(self) -> ZoneInfo:
        return zone_at(self.row)

    @cached_property
    def entries(self) -> list[Entry]:
        found, _ = history(self.actor, stream=self.row.pk, size=EVENTS)
        return [Entry(recorded) for recorded in found]

    def _may(self, role: Role) -> bool:
        return may(self.actor, role, self.row.organisation, self.row.site)


def _of_this_run(far: Any) -> Any:
    """What is left of an earlier run says nothing of this one."""
    return far if far is not None and far.done < far.total else None


def latest_scans(actor: Actor) -> list[ScanPage]:
    """Those that run or will run again first, then the newest."""
    rows = discoveries.scans(actor)
    going = Q(status=ScanStatus.RUNNING) | Q(next_at__isnull=False)
    first = list(rows.filter(going)[:SHOWN])
    return ScanPage.each(actor, [*first, *rows.exclude(going)[: SHOWN - len(first)]])


# --- the ground that may be searched --------------------------------------------------------------


@dataclass(frozen=True)
class Grounds:
    """The sites at which the actor may search, and whether their networks are named yet."""

    actor: Actor

    @cached_property
    def sites(self) -> list[Any]:
        role = Role(RequestScan.by)
        rows = queries.site_names(self.actor)
        return [row for row in rows if may(self.actor, role, row.organisation, row.pk)]

    @property
    def named(self) -> list[Any]:
        return [row for row in self.sites if row.networks]

    def at(self, chosen: str) -> Any:
        """The site of this id, else one whose networks are named; None when there is none."""
        usual = next(iter(self.named or self.sites), None)
        return next((row for row in self.sites if str(row.pk) == chosen), usual)

    @property
    def to_name(self) -> Any:
        """A site whose networks are still to be named, and that the actor may name."""
        unnamed = (row for row in self.sites if not row.networks)
        return next((row for row in unnamed if may_name(self.actor, row)), None)


def may_name(actor: Actor, site: Any) -> bool:
    """Whether the actor says which networks are the site's own."""
    return may(actor, Role(SetNetworks.by), site.organisation, site.pk)


# --- what was discovered --------------------------------------------------------------------------


@dataclass(frozen=True)
class FoundPage:
    """One discovered device; `ours` is the device of the fleet that it is, if any."""

    actor: Actor
    row: Any
    ours: Any = None

    @classmethod
    def of(cls, actor: Actor, discovered: UUID) -> FoundPage:
        """Raises NotFound."""
        return cls.each(actor, [discoveries.one_discovered(actor, discovered)])[0]

    @classmethod
    def each(cls, actor: Actor, rows: Iterable[Any]) -> list[FoundPage]:
        rows = list(rows)
        known = {row.device for row in rows if row.device}
        ours = queries.devices(actor).in_bulk(known) if known else {}
        return [cls(actor, row, ours.get(row.device)) for row in rows]

    @property
    def standing(self) -> Standing:
        return Standing(self.row.standing)

    @property
    def name(self) -> str:
        return self.row.model or self.row.name or "Unnamed device"

    @property
    def own_name(self) -> str:
        """What the device is called, where that is not what it is listed by."""
        own = additions.own_name(self.row)
        return "" if own == self.name else own

    @property
    def kind(self) -> Kind:
        return additions.kind_of(self.row)

    @property
    def told(self) -> str:
        """What tells it from others of its model."""
        return f"{self.name} at {self.row.host}:{self.row.port}"

    # --- which of the seed's buttons are worth showing ---

    @property
    def may_decide(self) -> bool:
        """Whether the actor may add, activate and ignore."""
        return may(self.actor, Role(AddDevice.by), self.row.organisation, self.row.site)

    @property
    def may_reset(self) -> bool:
        return may(self.actor, Role.TECHNICIAN, self.row.organisation, self.row.site)

    @property
    def to_choose(self) -> bool:
        """Whether it may be ticked, to do the same with many."""
        return self.may_decide and self.standing is Standing.NEW

    @property
    def to_add(self) -> bool:
        return self._open and self.row.fresh is not True

    @property
    def to_activate(self) -> bool:
        return self._open and self.row.fresh is not False

    @property
    def to_ignore(self) -> bool:
        return self.may_decide and self.standing is Standing.NEW

    @property
    def to_heed(self) -> bool:
        return self.may_decide and self.standing is Standing.IGNORED

    @property
    def to_follow(self) -> bool:
        return self.may_decide and self.standing is Standing.MOVED

    @property
    def forgettable(self) -> bool:
        """Whether it has a password that may be lost."""
        if self.ours is not None:
            return self.may_reset
        return self.row.fresh is not True and self.standing is Standing.NEW and self.may_decide

    @property
    def _open(self) -> bool:
        return self.may_decide and self.standing in (Standing.NEW, Standing.IGNORED)

    # --- the ways back in, when its password is lost ---

    @cached_property
    def former(self) -> Any:
        """The same device as it was in the fleet before; None when it never was."""
        said = {"serial": self.row.serial, "mac": self.row.mac}
        same = [Q(**{name: value}) for name, value in said.items() if value]
        if not same:
            return None
        rows = queries.devices(self.actor, removed=True).filter(reduce(or_, same), removed=True)
        return rows.filter(organisation=self.row.organisation).order_by("-changed_at").first()

    @cached_property
    def channel(self) -> tuple[Any, int] | None:
        """The NVR of the fleet that has it on a channel, and which."""
        if self.kind is Kind.NVR:
            return None
        nvrs = queries.narrowed(queries.devices(self.actor), site=self.row.site, kind=Kind.NVR)
        for nvr in nvrs:
            for told in nvr.channels_read:
                if self._is_on(told):
                    return nvr, told["number"]
        return None

    def _is_on(self, told: dict[str, Any]) -> bool:
        """As `recorders.is_on` knows a camera of the fleet."""
        if self.row.mac and told["mac"]:
            return bool(self.row.mac == told["mac"])
        return bool(self.row.host == told["host"])

    # --- what belongs to it ---

    @property
    def zone(self) -> ZoneInfo:
        return zone_at(self.row)

    @cached_property
    def entries(self) -> list[Entry]:
        found, _ = history(self.actor, stream=self.row.pk, size=EVENTS)
        return [Entry(recorded) for recorded in found]
