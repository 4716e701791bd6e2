"""Which published flaws the firmware of a device has, as far as that can be told.

The table is `flaws.toml`. Nothing here says that a device is safe: only that no source that Rekey
knows names its model and firmware.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import Any

from resets.readiness.versions import Version, compare, read

TABLE = Path(__file__).with_name("flaws.toml")

# What makers put before a model's name.
_BEFORE = re.compile(r"^(?:(?:TP-?LINK|HIKVISION|VIGI|INSIGHT|EASYCAM)[ _]+)+")
_HARDWARE = re.compile(r"[ _]+V?([0-9]+(?:\.[0-9]+)?)$")
_ASIDE = re.compile(r"[ _]*\([^()]*\)")


class Verdict(StrEnum):
    """Whether a device has a flaw. UNCLEAR: its model is named, and it cannot be told."""

    HAS = "has"
    UNCLEAR = "unclear"
    HAS_NOT = "has_not"


@dataclass(frozen=True)
class Affected:
    """Some models, and which firmware of theirs has the flaw: that before `fixed`, or that from
    `since` up to `through`. `hardware`: the versions that the source names; none: all there are.
    """

    models: tuple[str, ...]
    fixed: Version | None = None
    since: Version | None = None
    through: Version | None = None
    hardware: tuple[tuple[int, ...], ...] = ()
    fixed_in: str = ""

    def names(self, model: str) -> bool:
        return any(fnmatchcase(model, one) for one in self.models)

    def verdict(self, firmware: Version | None) -> Verdict:
        if firmware is None:
            return Verdict.UNCLEAR
        bounds = [
            (compare(firmware, self.fixed), (-1,)) if self.fixed else None,
            (compare(firmware, self.through), (-1, 0)) if self.through else None,
            (compare(firmware, self.since), (0, 1)) if self.since else None,
        ]
        sides = [one for one in bounds if one]
        if any(side is not None and side not in within for side, within in sides):
            return Verdict.HAS_NOT
        return Verdict.UNCLEAR if any(side is None for side, _ in sides) else Verdict.HAS


@dataclass(frozen=True)
class Flaw:
    """`makers` as `_plain` has them; `published` and `read`: when it was, and when we looked."""

    cve: str
    makers: tuple[str, ...]
    says: str
    published: date
    read: date
    sources: tuple[str, ...]
    affected: tuple[Affected, ...]

    def verdict(self, manufacturer: str, model: str, firmware: str) -> Verdict:
        """Of a device that says of itself what it is."""
        told = _plain(f"{manufacturer} {model}")
        if _plain(manufacturer) and not any(maker in told for maker in self.makers):
            return Verdict.HAS_NOT
        name, hardware = _model(model)
        known = [one for one in self.affected if one.names(name)]
        version = read(firmware)
        if hardware is not None:
            known = [one for one in known if not one.hardware or hardware in one.hardware]
        sure = {one.verdict(version) for one in known if hardware or not one.hardware}
        # The source names some hardware versions, and the device does not say which it is.
        perhaps = {one.verdict(version) for one in known if one.hardware and not hardware}
        if Verdict.HAS in sure:
            return Verdict.HAS
        clear = (sure | perhaps) <= {Verdict.HAS_NOT}
        return Verdict.HAS_NOT if clear else Verdict.UNCLEAR

    def fixed_in(self, model: str) -> tuple[str, ...]:
        """The firmware that has it no more, where a source says; for each hardware its own."""
        name, hardware = _model(model)
        rows = [one for one in self.affected if one.names(name)]
        if hardware is not None:
            rows = [one for one in rows if not one.hardware or hardware in one.hardware]
        return tuple(dict.fromkeys(one.fixed_in for one in rows if one.fixed_in))


@dataclass(frozen=True)
class Finding:
    """A flaw that a device has, or may have."""

    flaw: Flaw
    verdict: Verdict
    fixed_in: tuple[str, ...] = ()


@lru_cache(maxsize=8192)  # a fleet has few models, with few versions of firmware
def findings(manufacturer: str, model: str, firmware: str) -> tuple[Finding, ...]:
    """What is to be said of a device, the surest first."""
    found = [(flaw, flaw.verdict(manufacturer, model, firmware)) for flaw in FLAWS]
    said = [
        Finding(flaw, verdict, flaw.fixed_in(model))
        for flaw, verdict in found
        if verdict is not Verdict.HAS_NOT
    ]
    return tuple(sorted(said, key=lambda one: list(Verdict).index(one.verdict)))


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _model(text: str) -> tuple[str, tuple[int, ...] | None]:
    """A model's bare name, and the version of its hardware where that is told with it."""
    name = _ASIDE.sub("", " ".join(text.upper().split()))
    name = _BEFORE.sub("", name)
    found = _HARDWARE.search(name)
    if found is None:
        return name, None
    return name[: found.start()], _hardware(found[1])


def _hardware(text: str) -> tuple[int, ...]:
    """`1` and `1.0` are the same; so are `1.2` and `1.20`, as TP-Link writes them."""
    major, _, minor = text.partition(".")
    return int(major), int((minor or "0").ljust(2, "0"))


# --- the table ------------------------------------------------------------------------------------


def flaws_in(table: dict[str, Any]) -> tuple[Flaw, ...]:
    """The flaws of a table. Raises ValueError or LookupError for one that is not well-formed."""
    return tuple(
        Flaw(
            row["cve"],
            tuple(row["makers"]),
            row["says"],
            row["published"],
            row["read"],
            tuple(row["sources"]),
            tuple(_affected(row["affected"])),
        )
        for row in table["flaw"]
    )


def _affected(rows: Iterable[dict[str, Any]]) -> Iterator[Affected]:
    for row in rows:
        if unknown := row.keys() - {"models", "hardware", "fixed", "since", "through"}:
            raise ValueError(f"nothing is called {sorted(unknown)}")
        if ("fixed" in row) == ("through" in row):
            raise ValueError(f"{row['models']}: either `fixed` or `through`")
        yield Affected(
            tuple(row["models"]),
            fixed=_version(row.get("fixed")),
            since=_version(row.get("since")),
            through=_version(row.get("through")),
            hardware=tuple(_hardware(text) for text in row.get("hardware", ())),
            fixed_in=row.get("fixed", ""),
        )


def _version(text: str | None) -> Version | None:
    if text is None:
        return None
    version = read(text)
    if version is None:
        raise ValueError(f"{text} is no version")
    return version


FLAWS = flaws_in(tomllib.loads(TABLE.read_text(encoding="utf-8")))
