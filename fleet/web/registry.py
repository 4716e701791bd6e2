"""Where the apps above hang their pages into the frame: the menu and the dashboard.

An app calls `menu` and `dashboard_panel` in its `AppConfig.ready()`. The frame knows them by URL
name and template name only, so nothing down here imports anything up there.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest


@dataclass(frozen=True, order=True)
class MenuEntry:
    """A line of the main menu. A new hundred in `order` starts a new group."""

    order: int
    label: str
    url_name: str
    icon: str
    visible: Callable[[HttpRequest], bool] | None = field(default=None, compare=False)
    count: Callable[[HttpRequest], int] | None = field(default=None, compare=False)


@dataclass(frozen=True, order=True)
class DashboardPanel:
    """A template, and who fills it. The provider answers None when there is nothing to show."""

    order: int
    template: str
    provider: Callable[[HttpRequest], Mapping[str, Any] | None] = field(compare=False)


_menu: list[MenuEntry] = []
_panels: list[DashboardPanel] = []


def menu(
    label: str,
    url_name: str,
    *,
    icon: str,
    order: int,
    visible: Callable[[HttpRequest], bool] | None = None,
    count: Callable[[HttpRequest], int] | None = None,
) -> None:
    """Add a page to the main menu; `icon` is a lucide name, `visible` may hide it from somebody,
    `count` says how many things wait there for whoever looks. It is asked on every page.
    """
    entry = MenuEntry(order, label, url_name, icon, visible, count)
    if entry not in _menu:
        insort(_menu, entry)


def dashboard_panel(
    template: str,
    provider: Callable[[HttpRequest], Mapping[str, Any] | None],
    *,
    order: int,
) -> None:
    """Add a panel to the dashboard; the template gets what the provider returns."""
    panel = DashboardPanel(order, template, provider)
    if panel not in _panels:
        insort(_panels, panel)


def menu_entries() -> tuple[MenuEntry, ...]:
    return tuple(_menu)


def dashboard_panels() -> tuple[DashboardPanel, ...]:
    return tuple(_panels)
