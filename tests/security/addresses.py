"""Every address that Rekey answers at, from the resolver itself: none can be forgotten."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, reverse

METHODS = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True)
class Address:
    name: str
    route: str
    ids: tuple[str, ...]
    view: Any

    @property
    def methods(self) -> list[str]:
        """Of a call of the API."""
        return [m.upper() for m in METHODS if hasattr(self.view.cls, m)]

    def url(self, **ids: Any) -> str:
        return reverse(self.name, kwargs=ids)

    def __str__(self) -> str:
        return self.name


def addresses(under: str = "", *, but: tuple[str, ...] = ()) -> list[Address]:
    return [
        found
        for found in _walk(get_resolver().url_patterns, "")
        if found.route.startswith(under) and not found.route.startswith(but)
    ]


def _walk(patterns: list[URLPattern | URLResolver], before: str) -> Iterator[Address]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _walk(pattern.url_patterns, route)
        else:
            ids = tuple(re.findall(r"<(?:\w+:)?(\w+)>", route))
            yield Address(pattern.name or "", route, ids, pattern.callback)
