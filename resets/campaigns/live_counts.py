"""How many devices of a campaign stand where, as bars, figures and reasons. Pure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from urllib.parse import urlencode

from resets.campaigns import words
from resets.campaigns.state import Standing
from resets.words import Look

BAR = 1000  # units that a bar is wide


@dataclass(frozen=True)
class Stretch:
    """A part of a bar: one standing, and how much of it."""

    standing: Standing
    count: int
    x: float
    width: float

    @property
    def look(self) -> Look:
        return words.STANDINGS[self.standing]


@dataclass(frozen=True)
class Share:
    """Some devices of a campaign: those of a site, of a model, or all. `of` is what they have in
    common: the name of a filter, and `key` its value.
    """

    name: str
    of: str
    key: str
    counts: Counter[Standing]

    @property
    def href(self) -> str:
        """To the list of these."""
        return _devices(**{self.of: self.key})

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def over(self) -> int:
        return sum(count for standing, count in self.counts.items() if not standing.open)

    @property
    def proven(self) -> int:
        return self.counts[Standing.PROVEN]

    @property
    def failed(self) -> int:
        return sum(count for standing, count in self.counts.items() if standing.failed)

    @property
    def left_out(self) -> int:
        return self.counts[Standing.LEFT_OUT]

    @property
    def bar(self) -> list[Stretch]:
        """What is to be drawn; what waits leaves the bar empty."""
        stretches, x = [], 0.0
        for standing in words.STANDINGS:
            if (count := self.counts[standing]) and standing is not Standing.WAITING:
                width = count * BAR / self.total
                stretches.append(Stretch(standing, count, round(x, 2), round(width, 2)))
                x += width
        return stretches

    @property
    def told(self) -> str:
        """The bar in words: "312 of 1,000 proven, 5 failed"."""
        told = [f"{self.proven:,} of {self.total:,} proven"]
        for standing, look in words.STANDINGS.items():
            if (count := self.counts[standing]) and standing is not Standing.PROVEN:
                told.append(f"{count:,} {look.text.lower()}")
        return ", ".join(told)


@dataclass(frozen=True)
class Reason:
    """How many devices stand somewhere for a reason."""

    standing: Standing
    why: str
    count: int

    @property
    def words(self) -> str:
        return words.why(self.standing, self.why)

    @property
    def look(self) -> Look:
        return words.STANDINGS[self.standing]

    @property
    def href(self) -> str:
        return _devices(standing=self.standing, why=self.why)


@dataclass(frozen=True)
class Figure:
    """How many devices stand somewhere."""

    standing: Standing
    count: int

    @property
    def look(self) -> Look:
        look = words.STANDINGS[self.standing]
        return look if self.count else look._replace(tone="")

    @property
    def href(self) -> str:
        return _devices(standing=self.standing)


def _devices(**narrowed: str) -> str:
    """To the list of some devices, on this very page."""
    return f"?{urlencode(narrowed)}#devices"
