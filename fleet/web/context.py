"""What every page needs to draw the frame around itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.http import HttpRequest
from django.urls import reverse

from fleet.web.registry import MenuEntry, menu_entries

THEMES = ("light", "dark")


@dataclass(frozen=True)
class MenuLink:
    """A menu entry as this page shows it. `current` is "page", "true" (a page below it) or "".

    `count` is only asked where the menu is drawn: parts of a page that come anew have none.
    """

    label: str
    url: str
    icon: str
    current: str
    starts_group: bool
    count: Callable[[], int]


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `menu`, `actor` (None when nobody is signed in) and `theme`."""
    # Not request.user: in the very request that signs somebody in, nobody acts yet.
    actor = getattr(request, "actor", None)
    return {
        "menu": _links(request) if actor is not None else (),
        "actor": actor,
        "theme": theme(request),
    }


def theme(request: HttpRequest) -> str:
    """The scheme a person chose, or "" to follow the system's."""
    chosen = request.COOKIES.get("theme", "")
    return chosen if chosen in THEMES else ""


def _links(request: HttpRequest) -> tuple[MenuLink, ...]:
    shown = [entry for entry in menu_entries() if entry.visible is None or entry.visible(request)]
    urls = [reverse(entry.url_name) for entry in shown]
    # The longest address that the page lies under: /devices/ and not / for /devices/7/.
    above = max((u for u in urls if _is_under(request.path, u)), key=len, default=None)
    group: int | None = None
    links = []
    for entry, url in zip(shown, urls, strict=True):
        current = "" if url != above else "page" if url == request.path else "true"
        links.append(_link(request, entry, url, current, group))
        group = entry.order // 100
    return tuple(links)


def _is_under(path: str, url: str) -> bool:
    return path == url or (url != "/" and path.startswith(url))


def _link(
    request: HttpRequest, entry: MenuEntry, url: str, current: str, group: int | None
) -> MenuLink:
    starts_group = group is not None and entry.order // 100 != group
    count = partial(entry.count, request) if entry.count else int
    return MenuLink(entry.label, url, entry.icon, current, starts_group, count)
