"""Limits, and what is left of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from fleet.errors import RekeyError


class Counted(StrEnum):
    """What is counted."""

    RESETS = "resets"
    CODES = "codes"
    GUESSES = "guesses"


class Scope(StrEnum):
    """Over what it is counted."""

    DEVICE = "device"
    MAILBOX = "mailbox"
    PERSON = "person"
    SOURCE = "source"
    NVR = "nvr"
    SITE = "site"
    ORGANISATION = "organisation"
    EVERYTHING = "everything"


ORGANISATION_WIDE = (Scope.ORGANISATION,)


@dataclass(frozen=True)
class Limit:
    """At most so many in a window of so many seconds."""

    counted: Counted
    scope: Scope
    most: int
    window: int
    trips: bool = False

    def checked(self) -> Limit:
        return self


@dataclass(frozen=True)
class Budget:
    """What is left."""

    refusal: RekeyError | None = None

    def refuse(self) -> None:
        if self.refusal is not None:
            raise self.refusal
