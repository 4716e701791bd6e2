"""What pages and calls ask about everything that happened. Everything asks as somebody."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from fleet.api.pages import piece
from fleet.eventstore.messages import Actor, Recorded
from fleet.eventstore.models import EventRow

_ACTOR = ("actor_kind", "actor_id", "actor_name")
_COLUMNS = (
    "position", "id", "stream", "version", "category", "type", "schema", "at", *_ACTOR, "source",
    "reason", "correlation", "causation", "organisation", "site", "subject", "data", "previous",
    "hash",
)  # fmt: skip


def history(
    actor: Actor,
    *,
    subject: UUID | None = None,
    subjects: Collection[UUID] | None = None,
    stream: UUID | None = None,
    correlation: UUID | None = None,
    site: UUID | None = None,
    type: str | None = None,
    who: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    cursor: UUID | None = None,
    size: int = 50,
) -> tuple[list[Recorded], UUID | None]:
    """What the actor may see of what happened, newest first, and the cursor behind it.

    `subject` is the device that it is about, `subjects` are several; `who` is a part of a name;
    `correlation` holds together what came of one request, such as all that a reset did on its way.
    From `since` on, before `until`.

    Raises RekeyError for a cursor that names no event that may be seen.
    """
    seen = EventRow.objects.visible_to(actor)
    wanted = {
        "subject": subject,
        "subject__in": subjects,
        "stream": stream,
        "correlation": correlation,
        "site": site,
        "type": type,
        "actor_name__icontains": who,
        "at__gte": since,
        "at__lt": until,
    }
    rows = seen.filter(**{name: value for name, value in wanted.items() if value is not None})
    found, behind = piece(rows.values(*_COLUMNS), ["-position"], seen, cursor, size)
    return [_recorded(row) for row in found], behind


def _recorded(row: dict[str, object]) -> Recorded:
    for name in ("previous", "hash"):
        row[name] = bytes(row[name])  # type: ignore[call-overload]
    return Recorded(actor=Actor(*(str(row.pop(name)) for name in _ACTOR)), **row)  # type: ignore[arg-type]
