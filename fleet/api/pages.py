"""Long lists, page by page.

A cursor is the id of the last row that was seen. What the list is sorted by is looked up again, so
an address says nothing about it: the order of the log, for one, would tell an outsider how much
goes on elsewhere. It costs one query on a unique index, wherever the page lies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Protocol, TypedDict, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from msgspec import Meta

from fleet.errors import RekeyError

USUAL, MOST = 100, 500


class Named(Protocol):
    @property
    def id(self) -> UUID: ...


T = TypeVar("T", bound=Named)
M = TypeVar("M", bound=Model)


class Pages(TypedDict, total=False):
    """What every list takes."""

    cursor: Annotated[UUID, Meta(description="Where the page before ended; `next` holds it.")]
    limit: Annotated[int, Meta(ge=1, le=MOST, description=f"How many at most; else {USUAL}.")]


def exactly(rows: QuerySet[M], asked: Mapping[str, Any], *names: str) -> QuerySet[M]:
    """Those rows that have just what was asked for under these names; None is not asked for."""
    return rows.filter(**{name: asked[name] for name in names if asked[name] is not None})


def piece(
    rows: QuerySet[Any], order: Sequence[str], seen: QuerySet[Any], cursor: UUID | None, size: int
) -> tuple[list[Any], UUID | None]:
    """The rows behind the cursor, and the cursor behind them if there are more.

    `order` names columns without NULL, all up or all down, the last one unique. `rows` are
    dictionaries with an `id`; `seen` are the rows that a cursor may name: they may have changed
    since and be filtered out by now.

    Raises RekeyError for a cursor that names no row that may be seen.
    """
    if cursor is not None:
        names = [name.lstrip("-") for name in order]
        at = seen.filter(id=cursor).values_list(*names).first()
        if at is None:
            raise _leads_nowhere()
        rows = rows.filter(_behind(names, at, "lt" if order[0].startswith("-") else "gt"))
    found = list(rows.order_by(*order)[: size + 1])
    more = len(found) > size
    return found[:size], found[size - 1]["id"] if more else None


def piece_of(some: Sequence[T], cursor: UUID | None, size: int) -> tuple[Sequence[T], UUID | None]:
    """The same of what was counted and is no table: each has an `id` that lasts."""
    first = 0
    if cursor is not None:
        first = next((n for n, one in enumerate(some, 1) if one.id == cursor), 0)
        if not first:
            raise _leads_nowhere()
    found = some[first : first + size]
    return found, found[-1].id if len(some) > first + size else None


def _leads_nowhere() -> RekeyError:
    return RekeyError(
        "no_such_cursor", "This cursor leads nowhere. Begin at the first page.", field="cursor"
    )


def _behind(names: Sequence[str], at: Sequence[Any], side: str) -> Q:
    first, value = names[0], at[0]
    strictly = Q(**{f"{first}__{side}": value})
    if len(names) == 1:
        return strictly
    # The first half is implied by the second; it is there for the index.
    return Q(**{f"{first}__{side}e": value}) & (strictly | _behind(names[1:], at[1:], side))
