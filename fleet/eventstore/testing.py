"""given / when / then: test a step without a database.

given(ISSUED).when(VerifyCode("00000000")).then(CodeRejected(tries_left=4))
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from fleet.errors import RekeyError
from fleet.eventstore.messages import SUPPLIED, Command, Event, State, decode, encode

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
STREAM = UUID("018f0000-0000-7000-8000-000000000001")


class Given:
    """Facts that are already there, when it is, and what is known of the outside."""

    def __init__(
        self, events: Iterable[Event[Any]], now: datetime, known: Mapping[type, Any]
    ) -> None:
        self.events, self.now, self.known = list(events), now, dict(known)

    def at(self, now: datetime) -> Given:
        return Given(self.events, now, self.known)

    def knowing(self, *facts: Any) -> Given:
        return Given(self.events, self.now, {**self.known, **{type(f): f for f in facts}})

    def when(self, command: Command[Any]) -> When:
        return When(self, command)

    def state(self, kind: type[State] | None = None) -> Any:
        state: State = (kind or self.events[0].of)(STREAM)
        for happened in self.events:
            state = happened.evolve(state)
        return state


class When:
    """What a command comes to."""

    def __init__(self, given: Given, command: Command[Any]) -> None:
        self.state = given.state(command.of)
        hints = typing.get_type_hints(type(command))
        missing = {
            f.name: given.known[kind] if kind in given.known else kind()  # a blank fact
            for f in dataclasses.fields(command)  # type: ignore[arg-type]
            for kind in [hints.get(f.name)]
            if getattr(command, f.name) is SUPPLIED and isinstance(kind, type)
        }
        self.command = dataclasses.replace(command, **missing)  # type: ignore[type-var]
        self.now = given.now

    def decided(self) -> list[Event[Any]]:
        events = list(self.command.decide(self.state, self.now))
        for happened in events:  # what cannot be stored and read back did not happen
            assert decode(happened.tag, happened.schema, encode(happened)) == happened
        return events

    def then(self, *expected: Event[Any]) -> Any:
        """Exactly these events; answers with the state after them."""
        events = self.decided()
        assert events == list(expected), f"{events} instead of {list(expected)}"
        for happened in events:
            self.state = happened.evolve(self.state)
        return self.state

    def then_nothing(self) -> None:
        self.then()

    def refused(self, code: str) -> RekeyError:
        """An error with this code, and nothing recorded."""
        try:
            events = self.decided()
        except RekeyError as error:
            assert error.code == code, f"refused as {error.code}, not as {code}"
            return error
        raise AssertionError(f"not refused: {events}")


def given(*events: Event[Any]) -> Given:
    return Given(events, NOW, {})
