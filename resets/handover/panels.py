"""Where handing over begins: among the buttons for devices that are ticked in the list."""

from __future__ import annotations

from devices.page_parts import bulk
from resets.handover.queries import RIGHT


def register() -> None:
    bulk("Take passwords along", "hand-over", RIGHT)
