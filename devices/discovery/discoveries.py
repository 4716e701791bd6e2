"""What pages and calls ask about scans and what they came upon. Everything asks as somebody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import (
    Case,
    CharField,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)

from devices.models import Device, Discovered, Scan, ScanProgress
from devices.queries import one, with_text
from devices.state import DiscoveredState, ScanState
from fleet.eventstore.messages import COMMANDS, Actor, Command


class Standing(StrEnum):
    """How something discovered stands to the fleet. Exactly one of these is true of it."""

    NEW = "new"  # not in the fleet
    MOVED = "moved"  # in the fleet, under another address
    ADDED = "added"  # in the fleet, at this address
    ELSEWHERE = "elsewhere"  # in the fleet, at another site
    IGNORED = "ignored"
    GONE = "gone"

    @property
    def words(self) -> str:
        return _WORDS[self]

    @property
    def tone(self) -> str:
        """How the console colours it."""
        return _TONES[self]


_WORDS = {
    Standing.NEW: "New",
    Standing.MOVED: "Changed address",
    Standing.ADDED: "Added",
    Standing.ELSEWHERE: "At another site",
    Standing.IGNORED: "Ignored",
    Standing.GONE: "Gone",
}
_TONES = {
    Standing.NEW: "busy",
    Standing.MOVED: "warn",
    Standing.ADDED: "ok",
    Standing.ELSEWHERE: "ok",
    Standing.IGNORED: "quiet",
    Standing.GONE: "quiet",
}
_FIND = ("name", "host", "model", "manufacturer", "serial", "mac")
# What is to be decided comes first.
_URGENCY = Case(
    *(When(standing=standing.value, then=Value(rank)) for rank, standing in enumerate(Standing))
)
ORDERS: dict[str, Sequence[Any]] = {
    "address": ("host", "port", "id"),
    "model": ("model", "host", "id"),
    "site": ("place__name", "host", "id"),
    "standing": (_URGENCY, "host", "port", "id"),
}


def discovered(actor: Actor) -> QuerySet[Discovered]:
    """All that scans came upon, with `standing` and, where it is in the fleet, `device`."""
    rows: QuerySet[Discovered] = Discovered.objects.visible_to(actor)
    seen = Device.objects.visible_to(actor).filter(removed=False).order_by("pk")
    here = seen.filter(site=OuterRef("site"), host=OuterRef("host"), port=OuterRef("port"))
    same = seen.filter(
        (Q(serial=OuterRef("serial")) & ~Q(serial="")) | (Q(mac=OuterRef("mac")) & ~Q(mac="")),
        organisation=OuterRef("organisation"),
    )
    known = Q(same_device__isnull=False)
    return (
        rows.select_related("place")
        .annotate(
            at_address=Subquery(here.values("pk")[:1]),
            same_device=Subquery(same.values("pk")[:1]),
            same_site=Subquery(same.values("site")[:1]),
        )
        .annotate(
            device=Case(When(known, then=F("same_device")), default=F("at_address")),
            standing=Case(
                When(gone=True, then=Value(Standing.GONE.value)),
                When(known & ~Q(same_site=F("site")), then=Value(Standing.ELSEWHERE.value)),
                When(
                    known & ~Exists(here.filter(pk=OuterRef("same_device"))),
                    then=Value(Standing.MOVED.value),
                ),
                When(known | Q(at_address__isnull=False), then=Value(Standing.ADDED.value)),
                When(ignored=True, then=Value(Standing.IGNORED.value)),
                default=Value(Standing.NEW.value),
                output_field=CharField(),
            ),
        )
    )


def one_discovered(actor: Actor, discovered_id: UUID) -> Any:
    return one(discovered(actor), discovered_id, "discovered device")


def narrowed(
    rows: QuerySet[Discovered],
    *,
    text: str | None = None,
    site: UUID | None = None,
    standing: Standing | None = None,
    fresh: bool | None = None,
) -> QuerySet[Discovered]:
    """Those that are wanted. What is None does not narrow it down."""
    rows = with_text(rows, text, _FIND)
    exact = {"site": site, "standing": standing, "fresh": fresh}
    return rows.filter(**{name: value for name, value in exact.items() if value is not None})


def in_order(rows: QuerySet[Discovered], sort: str) -> QuerySet[Discovered]:
    """In one of ORDERS, by standing when there is no such one; with "-" before it from the end."""
    rows = rows.order_by(*ORDERS.get(sort.removeprefix("-"), ORDERS["standing"]))
    return rows.reverse() if sort.startswith("-") else rows


def scans(actor: Actor) -> QuerySet[Scan]:
    rows: QuerySet[Scan] = Scan.objects.visible_to(actor)
    return rows.select_related("place").order_by("-id")


def scan(actor: Actor, scan_id: UUID) -> Scan:
    row: Scan = one(scans(actor), scan_id, "scan")
    return row


def progress(actor: Actor, scan_ids: Iterable[UUID]) -> dict[UUID, ScanProgress]:
    """How far those scans have come that may be seen."""
    seen = Scan.objects.visible_to(actor).filter(pk__in=list(scan_ids)).values("pk")
    return {row.scan: row for row in ScanProgress.objects.filter(scan__in=seen)}


def scan_steps() -> dict[str, type[Command[ScanState]]]:
    """What people can do with a scan that there is."""
    return _steps("scan", "stop-scan")


def discovered_steps() -> dict[str, type[Command[DiscoveredState]]]:
    """What people can do with something discovered that is not in the fleet."""
    return _steps("discovered", "ignore-discovered", "heed-discovered")


def _steps(category: str, *slugs: str) -> dict[str, type[Command[Any]]]:
    return {slug: COMMANDS[f"{category}.{slug}"] for slug in slugs}
