"""What a plan is made of: what is known of the fleet, and what becomes of each line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from uuid import UUID

from devices.state import DeviceState
from fleet.errors import RekeyError
from fleet.eventstore.messages import Command


@dataclass(frozen=True)
class Place:
    """A site that whoever imports may see; `no` is why they may not change devices there."""

    id: UUID
    organisation: UUID
    name: str
    no: RekeyError | None = None


@dataclass(frozen=True)
class Fleet:
    """What is known, as whoever imports may see it: the sites of one organisation, and all devices
    there. `out_of_reach` raises Refused for an address that Rekey does not talk to.
    """

    places: Sequence[Place]
    devices: Sequence[DeviceState]
    out_of_reach: Callable[[str, int], None] = lambda host, port: None


class Action(StrEnum):
    """What becomes of a line."""

    ADD = "add"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Change:
    column: str
    old: str
    new: str


@dataclass(frozen=True)
class Problem:
    """`code` and `message` are those of the command that refuses; `column` may be ""."""

    column: str
    code: str
    message: str


@dataclass(frozen=True)
class Line:
    """What would happen to a line, for people. Holds no password. `device` is the one that the line
    is about; where it adds one, the id that this gets.
    """

    number: int
    action: Action
    name: str = ""
    site: str = ""
    address: str = ""
    device: UUID | None = None
    changes: tuple[Change, ...] = ()
    problem: Problem | None = None
    note: str = ""


@dataclass(frozen=True)
class Plan:
    """`orders` are commands, each with its stream. They have all their facts but for the ids of
    passwords, which get to the vault when the list is applied.
    """

    lines: list[Line] = field(default_factory=list)
    orders: list[tuple[Command[Any], UUID]] = field(default_factory=list)

    @property
    def counts(self) -> dict[Action, int]:
        found = Counter(line.action for line in self.lines)
        return {action: found[action] for action in Action}
