"""The history as a table for a spreadsheet."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC
from typing import Any
from zoneinfo import ZoneInfo

from fleet.accounts.places import Place
from fleet.api.pages import MOST
from fleet.audit import queries
from fleet.audit.entries import Entry, entries
from fleet.eventstore.messages import Actor

HEADS = (
    "time (UTC)", "time at the site", "what happened", "event", "about", "site", "by",
    "kind of actor", "from", "reason", "trace", "event id", "stream", "version", "hash",
)  # fmt: skip


class _Line:
    """A file that gives back what is written to it."""

    def write(self, line: str) -> str:
        return line


def lines(actor: Actor, sites: list[Place], wanted: dict[str, Any]) -> Iterator[str]:
    """CSV, newest first, a page of events at a time."""
    writer = csv.writer(_Line())
    yield writer.writerow(HEADS)
    cursor = None
    while True:
        found, cursor = queries.history(actor, **wanted, cursor=cursor, size=MOST)
        for entry in entries(actor, found, sites):
            yield writer.writerow([_harmless(cell) for cell in _cells(entry)])
        if cursor is None:
            return


def _cells(entry: Entry) -> tuple[Any, ...]:
    recorded = entry.recorded
    return (
        recorded.at.astimezone(UTC).isoformat(timespec="milliseconds"),
        recorded.at.astimezone(ZoneInfo(entry.zone)).isoformat(timespec="seconds"),
        entry.sentence,
        recorded.type,
        entry.about.name if entry.about else "",
        entry.place.name if entry.place else "",
        recorded.actor.name,
        recorded.actor.kind,
        recorded.source,
        recorded.reason,
        recorded.correlation,
        recorded.id,
        recorded.stream,
        recorded.version,
        recorded.hash.hex(),
    )


def _harmless(cell: Any) -> str:
    """Spreadsheets take what begins like this for a formula, and people write the reasons."""
    text = str(cell)
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
