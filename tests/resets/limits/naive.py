"""Limits as one would count them on paper."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from resets.limits.rules import LONGEST, Use


class Paper:
    """Every use that was ever taken, looked through each time."""

    def __init__(self) -> None:
        self.uses: list[tuple[UUID, datetime]] = []

    def used(self, use: Use, now: datetime) -> int:
        return len(self._counting(use, now))

    def frees_at(self, use: Use, now: datetime) -> datetime | None:
        """The first moment from `now` on at which one more is allowed."""
        later = sorted({now, *(at + self._window(use) for at in self._counting(use, now))})
        return next(moment for moment in later if self.used(use, moment) < use.limit.most)

    def take(self, uses: Sequence[Use], now: datetime, also: Iterable[UUID] = ()) -> bool:
        if any(self.used(use, now) >= use.limit.most for use in uses):
            return False
        self.uses += [(key, now) for key in {*(use.key for use in uses), *also}]
        return True

    def forget(self, now: datetime) -> None:
        self.uses = [(k, at) for k, at in self.uses if at >= now - timedelta(seconds=LONGEST)]

    def _counting(self, use: Use, now: datetime) -> list[datetime]:
        start = now - self._window(use)
        start = max(start, use.since) if use.since else start
        return [at for key, at in self.uses if key == use.key and at > start]

    @staticmethod
    def _window(use: Use) -> timedelta:
        return timedelta(seconds=use.limit.window)
