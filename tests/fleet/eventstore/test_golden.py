"""What was stored once is readable for ever: tests/golden/events.json remembers every event's name,
schema and fields, and one stored sample of each schema that there ever was.

A new event, or a raised schema with its upcaster, is taken in by

    REKEY_ACCEPT_GOLDEN=1 pytest --database sqlite tests/fleet/eventstore/test_golden.py

and committed with the change. What would make stored events unreadable is refused all the same.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import os
import types
import typing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from fleet.eventstore.messages import EVENTS, Event, State, decode, event

GOLDEN = Path(__file__).parents[2] / "golden" / "events.json"
ACCEPT = os.environ.get("REKEY_ACCEPT_GOLDEN") == "1"
HOW = "run once with REKEY_ACCEPT_GOLDEN=1 and commit tests/golden/events.json"
OURS = ("fleet", "devices", "resets")

Golden = dict[str, dict[str, Any]]


def test_every_stored_event_is_still_known_and_readable() -> None:
    golden: Golden = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    ours = {name: e for name, e in EVENTS.items() if e.__module__.split(".")[0] in OURS}
    assert not broken(golden, ours)
    told = news(golden, ours)
    if ACCEPT and told:
        GOLDEN.write_text(json.dumps(accepted(golden, ours), indent=1, sort_keys=True) + "\n")
    else:
        assert not told, f"new: {told}. Is that meant? Then {HOW}"


def test_every_stored_sample_is_read_by_todays_code() -> None:
    for name, remembered in json.loads(GOLDEN.read_text()).items():
        for schema, sample in remembered["samples"].items():
            read = decode(name, int(schema), json.dumps(sample))
            assert isinstance(read, EVENTS[name])
            assert read.evolve(EVENTS[name].of(UUID(int=1)))


# --- the comparison -------------------------------------------------------------------------------


def broken(golden: Golden, events: dict[str, type[Event[Any]]]) -> list[str]:
    """What makes stored events unreadable, or reads them as something else."""
    found = []
    for name, remembered in golden.items():
        cls = events.get(name)
        if cls is None:
            found.append(f"{name} has disappeared; the log may hold some")
        elif cls.schema < remembered["schema"]:
            found.append(f"{name} went back to schema {cls.schema}")
        elif cls.schema == remembered["schema"] and not _reads(
            described(cls), remembered["fields"]
        ):
            found.append(f"{name} has other fields: raise its schema and give an upcaster")
    return found


def news(golden: Golden, events: dict[str, type[Event[Any]]]) -> list[str]:
    """What is not remembered yet."""
    return sorted(
        name
        for name, cls in events.items()
        if name not in golden
        or golden[name]["schema"] != cls.schema
        or golden[name]["fields"] != described(cls)
    )


def accepted(golden: Golden, events: dict[str, type[Event[Any]]]) -> Golden:
    return {
        name: {
            "schema": cls.schema,
            "fields": described(cls),
            "samples": {
                **golden.get(name, {}).get("samples", {}),
                str(cls.schema): msgspec.to_builtins(_sample(cls)),
            },
        }
        for name, cls in events.items()
    }


def described(cls: type[Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(cls)
    return {f.name: _described(hints[f.name]) for f in dataclasses.fields(cls)}


def _described(hint: Any) -> Any:
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return {"one of": sorted(member.value for member in hint)}
    if dataclasses.is_dataclass(hint):
        return {"fields": described(hint)}  # type: ignore[arg-type]
    if arguments := [a for a in typing.get_args(hint) if a is not Ellipsis]:
        kind = "any of" if isinstance(hint, types.UnionType) else typing.get_origin(hint).__name__
        return {kind: [_described(a) for a in arguments]}
    return "nothing" if hint is type(None) else hint.__name__


def _reads(now: Any, before: Any) -> bool:
    """Whether today's type reads what was stored: an enumeration may have grown, at any depth."""
    if isinstance(now, dict) and isinstance(before, dict) and set(now) == set(before):
        if "one of" in now:
            return set(before["one of"]) <= set(now["one of"])
        return all(_reads(now[key], before[key]) for key in now)
    if isinstance(now, list) and isinstance(before, list) and len(now) == len(before):
        return all(map(_reads, now, before))
    return bool(now == before)


def _sample(hint: Any) -> Any:
    """One value of a type, always the same."""
    plain: dict[Any, Any] = {
        str: "text",
        int: 1,
        bool: True,
        UUID: UUID("018f0000-0000-7000-8000-000000000001"),
        datetime: datetime(2026, 11, 22, 12, tzinfo=UTC),
        date: date(2026, 11, 22),
    }
    if hint in plain:
        return plain[hint]
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return next(iter(hint))
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return hint(**{f.name: _sample(hints[f.name]) for f in dataclasses.fields(hint)})  # type: ignore[operator]
    first = typing.get_args(hint)[0]
    return (_sample(first),) if typing.get_origin(hint) is tuple else _sample(first)


# --- that the comparison itself can fail ----------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Lamp(State):
    category = "lamp"


class Colour(enum.StrEnum):
    RED = "red"


class MoreColours(enum.StrEnum):
    BLUE = "blue"
    RED = "red"


class OtherColours(enum.StrEnum):
    BLUE = "blue"


def painted(colour: type = Colour, watts: type = int, schema: int = 1, **more: type) -> Any:
    namespace = {
        "__doc__": "It was painted.",
        "__annotations__": {"colour": colour, "watts": watts, **more},
    }
    cls = types.new_class("Painted", (Event[Lamp],), exec_body=lambda ns: ns.update(namespace))
    before = dict(EVENTS)
    try:
        return event("test.painted", schema=schema, upcast={1: lambda fields: fields})(cls)
    finally:
        EVENTS.clear()
        EVENTS.update(before)


REMEMBERED = accepted({}, {"test.painted": painted()})


@pytest.mark.parametrize(
    "now",
    [
        {},
        {"test.renamed": painted()},
        {"test.painted": painted(watts=str)},
        {"test.painted": painted(watts=int | None)},
        {"test.painted": painted(colour=OtherColours)},
        {"test.painted": painted(colour=str)},
        {"test.painted": painted(height=int)},
    ],
)
def test_a_disappeared_renamed_or_changed_event_breaks_the_build(now: dict[str, Any]) -> None:
    assert broken(REMEMBERED, now)


def test_an_event_that_goes_back_to_an_older_schema_breaks_the_build() -> None:
    assert broken(accepted({}, {"test.painted": painted(schema=2)}), {"test.painted": painted()})


@pytest.mark.parametrize(
    "now",
    [
        {"test.painted": painted(), "test.new": painted()},
        {"test.painted": painted(height=int, schema=2)},
        {"test.painted": painted(colour=MoreColours)},
        {"test.painted": painted(colour=tuple[MoreColours, ...], schema=2)},
    ],
)
def test_an_addition_is_news_that_can_be_accepted(now: dict[str, Any]) -> None:
    assert not broken(REMEMBERED, now)
    assert news(REMEMBERED, now)
    assert not news(accepted(REMEMBERED, now), now)


def test_a_raised_schema_keeps_the_sample_of_the_one_before() -> None:
    after = accepted(REMEMBERED, {"test.painted": painted(height=int, schema=2)})
    assert set(after["test.painted"]["samples"]) == {"1", "2"}
    assert after["test.painted"]["samples"]["1"] == REMEMBERED["test.painted"]["samples"]["1"]
