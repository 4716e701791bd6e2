"""Clients of the API, over the cast and a real virtual fleet."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devices.virtual import Character, ThreadedFleet, default_scenario, fleet_in_thread
from tests.api.client import Api, api_of
from tests.cast import Cast, cast

SPECS = default_scenario(seed=7, port_base=0)
HONEST = next(s for s in SPECS if s.kind == "camera" and s.character is Character.HONEST)


@pytest.fixture
def who(db: None) -> Cast:
    return cast()


@pytest.fixture
def fleet() -> Iterator[ThreadedFleet]:
    with fleet_in_thread([HONEST]) as running:
        yield running


@pytest.fixture
def alice(who: Cast) -> Api:
    """The API with a token of Alice's, who administers the organisation."""
    return api_of(who.alice, who.organisation)


@pytest.fixture
def charlie(who: Cast) -> Api:
    """The API with a token of Charlie's, an outsider who administers another organisation."""
    return api_of(who.charlie)
