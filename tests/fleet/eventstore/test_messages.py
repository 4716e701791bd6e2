"""Messages: what registration refuses, and that whatever is stored can be read back."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.accounts.state import Role
from fleet.eventstore import messages
from fleet.eventstore.messages import (
    COMMANDS,
    EVENTS,
    Actor,
    Command,
    Event,
    State,
    asked,
    asked_fields,
    command,
    decode,
    encode,
    event,
    state,
    supplied,
)


@pytest.fixture(autouse=True)
def _registries_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CATEGORIES", "EVENTS", "COMMANDS"):
        monkeypatch.setattr(messages, name, dict(getattr(messages, name)))


@dataclasses.dataclass(frozen=True)
class Lamp(State):
    category = "lamp"
    lit: bool = False
    watts: int = 0


def lit_event(**options: Any) -> type[Event[Lamp]]:
    @event("test.lit", **options)
    class Lit(Event[Lamp]):
        """{actor} lit the lamp with {watts} watts."""

        watts: int

        def evolve(self, lamp: Lamp) -> Lamp:
            return lamp.but(lit=True, watts=self.watts)

    return Lit


# --- registration ---------------------------------------------------------------------------------


def test_two_events_of_one_name_are_refused() -> None:
    lit_event()
    with pytest.raises(TypeError, match=r"test\.lit is registered twice"):

        @event("test.lit")
        class Glowed(Event[Lamp]):
            """{actor} made it glow."""


def test_two_events_of_one_name_are_refused_when_their_classes_have_one_name_too() -> None:
    """Two modules, one class name in each: the second must not take the first one's place."""
    event("test.lit")(_class("Lit", Event[Lamp], "one.module"))
    with pytest.raises(TypeError, match="registered twice"):
        event("test.lit")(_class("Lit", Event[Lamp], "another.module"))


def test_two_commands_of_one_name_and_category_are_refused() -> None:
    command(by=Role.VIEWER)(_class("Light", Command[Lamp], "one.module"))
    with pytest.raises(TypeError, match="registered twice"):
        command(by=Role.VIEWER)(_class("Light", Command[Lamp], "another.module"))


def test_two_states_of_one_category_are_refused() -> None:
    with pytest.raises(TypeError, match="reset is registered twice"):

        @state("reset")
        class Elsewhere(State):
            pass


def test_an_event_without_a_sentence_is_refused() -> None:
    with pytest.raises(TypeError, match="has no sentence"):

        @event("test.dimmed")
        class Dimmed(Event[Lamp]):
            watts: int


def test_a_command_without_a_sentence_is_refused() -> None:
    with pytest.raises(TypeError, match="has no sentence"):

        @command(by=Role.VIEWER)
        class Dim(Command[Lamp]):
            watts: int


@pytest.mark.parametrize("placeholder", ["colour", "colour.name", "colour[0]", "0", ""])
def test_a_sentence_that_names_no_field_is_refused(placeholder: str) -> None:
    with pytest.raises(TypeError, match="which is no field"):
        event("test.dimmed")(_class("Dimmed", Event[Lamp], "m", f"It is {{{placeholder}}} now."))


def test_an_event_of_no_state_is_refused() -> None:
    with pytest.raises(TypeError, match="does not say which state"):

        @event("test.dimmed")
        class Dimmed(Event):  # type: ignore[type-arg]
            """It was dimmed."""


@pytest.mark.parametrize(("schema", "steps"), [(2, []), (3, [1]), (3, [2])])
def test_an_older_schema_without_an_upcaster_is_refused(schema: int, steps: list[int]) -> None:
    with pytest.raises(TypeError, match="no upcaster from schema"):
        lit_event(schema=schema, upcast=dict.fromkeys(steps, dict))


def test_a_sentence_may_run_over_lines_and_ends_with_its_paragraph() -> None:
    made = event("test.dimmed")(
        _class("Dimmed", Event[Lamp], "m", "It was\n    dimmed.\n\n    Not for people.")
    )
    assert made.sentence == "It was dimmed."


def test_braces_in_a_value_are_told_as_they_are() -> None:
    Lit = lit_event()
    assert (
        Lit(5).told("{watts} {0.__class__}") == "{watts} {0.__class__} lit the lamp with 5 watts."
    )


def test_a_state_is_changed_in_known_fields_alone_and_never_in_place() -> None:
    lamp = Lamp(UUID(int=1))
    assert lamp.but(lit=True) == Lamp(UUID(int=1), lit=True)
    assert not lamp.lit
    with pytest.raises(TypeError, match="colour"):
        lamp.but(colour="red")
    with pytest.raises(dataclasses.FrozenInstanceError):
        lamp.lit = True  # type: ignore[misc]


# --- every registered message ---------------------------------------------------------------------

# Whole microseconds in UTC: what both databases keep.
TIMES = st.datetimes(timezones=st.just(UTC))
EVENT_NAMES = sorted(EVENTS)


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_every_event_is_read_back_as_it_was_stored_and_has_its_sentence(name: str) -> None:
    cls = EVENTS[name]

    @settings(max_examples=15, database=None)
    @given(st.builds(cls, **{f.name: _values(cls, f.name) for f in dataclasses.fields(cls)}))
    def read_back(happened: Event[Any]) -> None:
        assert decode(name, cls.schema, encode(happened)) == happened
        assert decode(name, cls.schema, encode(happened).decode()) == happened
        assert happened.told("Alice")

    read_back()


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_no_event_has_a_field_for_a_password_a_code_or_a_token(name: str) -> None:
    fields = {f.name for f in dataclasses.fields(EVENTS[name])}
    assert not fields & {"password", "code", "token", "key", "new_password", "old_password"}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_no_command_shows_a_secret_or_a_supplied_fact(name: str) -> None:
    cls = COMMANDS[name]
    values = {f.name: f"seen-{f.name}" for f in dataclasses.fields(cls)}
    shown = repr(cls(**values))
    for f in dataclasses.fields(cls):
        secret = "supplied" in f.metadata or getattr(f.metadata.get("asked"), "secret", False)
        assert not (secret and f.repr)
        assert (f"seen-{f.name}" in shown) is f.repr, "or what holds secrets beside other things"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_field_called_password_or_code_is_marked_as_secret(name: str) -> None:
    for field_name, (how, _) in asked_fields(COMMANDS[name]).items():
        if field_name in ("password", "code"):
            assert how.secret


def test_a_supplied_fact_is_no_field_that_anybody_fills_in() -> None:
    @command(by=Role.VIEWER)
    class Light(Command[Lamp]):
        """Light it."""

        watts: int = asked("Watts")
        who: Actor = supplied()

        def decide(self, lamp: Lamp, now: datetime) -> Iterable[Event[Lamp]]:
            return []

    assert list(asked_fields(Light)) == ["watts"]


# --- upcasting ------------------------------------------------------------------------------------


def test_an_old_event_is_brought_up_step_by_step() -> None:
    Lit = lit_event(
        schema=3,
        upcast={
            1: lambda fields: {"volts": fields["v"], "ampere": 2},
            2: lambda fields: {"watts": fields["volts"] * fields["ampere"]},
        },
    )
    assert decode("test.lit", 1, '{"v": 12}') == Lit(24)
    assert decode("test.lit", 2, b'{"volts": 3, "ampere": 3}') == Lit(9)
    assert decode("test.lit", 3, '{"watts": 7}') == Lit(7)


def test_an_upcast_event_has_the_types_of_its_fields() -> None:
    @event("test.moved", schema=2, upcast={1: lambda fields: {**fields, "at": fields.pop("when")}})
    class Moved(Event[Lamp]):
        """It was moved."""

        to: UUID
        at: datetime
        past: tuple[UUID, ...]

    old = f'{{"to": "{UUID(int=7)}", "when": "2026-11-22T12:00:00Z", "past": ["{UUID(int=8)}"]}}'
    assert decode("test.moved", 1, old) == Moved(
        UUID(int=7), datetime(2026, 11, 22, 12, tzinfo=UTC), (UUID(int=8),)
    )


def test_an_event_of_a_newer_schema_than_this_code_knows_is_not_guessed_at() -> None:
    """While a new version is rolled out, an old process may read what a new one wrote."""
    lit_event()
    with pytest.raises(ValueError, match="schema 2"):
        decode("test.lit", 2, '{"watts": 7, "unit": "kilowatt"}')


# --- help -----------------------------------------------------------------------------------------


def _class(name: str, base: Any, module: str, doc: str = "It is.") -> type[Any]:
    def fill(namespace: dict[str, Any]) -> None:
        namespace |= {"__doc__": doc, "__module__": module, "__qualname__": name}

    return types.new_class(name, (base,), exec_body=fill)


def _values(cls: type[Any], name: str) -> st.SearchStrategy[Any]:
    hint = typing.get_type_hints(cls)[name]
    return TIMES if hint is datetime else st.from_type(hint)
