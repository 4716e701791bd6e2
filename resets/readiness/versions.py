"""Versions of firmware, compared with care: what cannot be read or told is unknown, never fine.

Read are those that TP-Link and Hikvision write, such as `2.1.0 Build 250701 Rel.44555n` or `V5.4.0
build 160530`, with underscores as well. Pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T", int, tuple[int, ...])

_FORM = re.compile(
    r"V?(?P<numbers>[0-9]{1,4}(?:\.[0-9]{1,6}){1,3})"
    r"(?:[ _]+Build[ _]*(?P<build>[0-9]{6})(?:[ _]+Rel[ ._]*(?P<release>[0-9]{1,6})[a-z]?)?)?"
    r"(?:\([0-9]{1,6}\))?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Version:
    """`build` is the day it was made, as yymmdd; `release` tells those of one day apart."""

    numbers: tuple[int, ...]
    build: int | None = None
    release: int | None = None


def read(text: str) -> Version | None:
    """The version that a device tells; None for what is not understood to its last character."""
    found = _FORM.fullmatch(" ".join(text.split()))
    if found is None:
        return None
    numbers = tuple(int(number) for number in found["numbers"].split("."))
    build, release = found["build"], found["release"]
    return Version(numbers, int(build) if build else None, int(release) if release else None)


def compare(one: Version, other: Version) -> int | None:
    """Below zero if `one` is older, above if it is newer, 0 for the same; None: it cannot be told,
    because one of them leaves out what would decide it.
    """
    shared = min(len(one.numbers), len(other.numbers))
    if one.numbers[:shared] != other.numbers[:shared]:
        return _side(one.numbers, other.numbers)
    if len(one.numbers) != len(other.numbers):
        return None
    for mine, theirs in ((one.build, other.build), (one.release, other.release)):
        if mine is None and theirs is None:
            continue
        if mine is None or theirs is None:
            return None
        if mine != theirs:
            return _side(mine, theirs)
    return 0


def _side(mine: T, theirs: T) -> int:
    return -1 if mine < theirs else 1
