"""Clients of the API, over the cast and a real virtual fleet.

Imports of Rekey stand inside: this file is read before Django is set up.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from devices.virtual import DeviceSpec, ThreadedFleet
    from tests.api.client import Api
    from tests.cast import Cast


@pytest.fixture(scope="session")
def honest() -> DeviceSpec:
    from devices.virtual import Character, default_scenario

    specs = default_scenario(seed=7, port_base=0)
    return next(s for s in specs if s.kind == "camera" and s.character is Character.HONEST)


@pytest.fixture
def fleet(honest: DeviceSpec) -> Iterator[ThreadedFleet]:
    from devices.virtual import fleet_in_thread

    with fleet_in_thread([honest]) as running:
        yield running


@pytest.fixture
def alice(who: Cast) -> Api:
    """The API with a token of Alice's, who administers the organisation."""
    from tests.api.client import api_of

    return api_of(who.alice)
