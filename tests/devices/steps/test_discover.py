from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from devices.state import ONVIF_PATH, discovered_id
from devices.steps.discover import (
    DeviceDiscovered,
    DiscoveredChanged,
    DiscoveredGone,
    DiscoveredHeeded,
    DiscoveredIgnored,
    HeedDiscovered,
    IgnoreDiscovered,
    RecordDiscovered,
    RecordGone,
    RecordSighting,
    Sighting,
)
from fleet.eventstore.testing import NOW, given
from tests.devices.steps.story import ORGANISATION, SITE

SEEN = Sighting(
    key="urn:uuid:1",
    host="192.168.10.7",
    port=80,
    tls=False,
    path=ONVIF_PATH,
    name="Gate",
    manufacturer="Acme",
    model="Eye 3",
    serial="A-1",
    mac="00:FF:00:00:00:01",
    fresh=True,
)
FOUND = DeviceDiscovered(ORGANISATION, SITE, "Eye 3", "192.168.10.7:80", SEEN)
GONE, IGNORED, HEEDED = (
    DiscoveredGone("Eye 3"),
    DiscoveredIgnored("Eye 3"),
    DiscoveredHeeded("Eye 3"),
)


def changed(sighting: Sighting) -> DiscoveredChanged:
    return DiscoveredChanged("Eye 3", f"{sighting.host}:{sighting.port}", sighting)


def test_what_no_scan_has_found_before_is_recorded_where_it_is() -> None:
    state = given().when(RecordDiscovered(ORGANISATION, SITE, SEEN)).then(FOUND)
    assert (state.site, state.host, state.model, state.fresh) == (SITE, SEEN.host, "Eye 3", True)


@pytest.mark.parametrize(
    ("told", "what"),
    [({"model": ""}, "Gate"), ({"model": "", "name": ""}, "a device")],
)
def test_it_is_called_by_what_it_tells_of_itself(told: dict[str, Any], what: str) -> None:
    seen = replace(SEEN, **told)
    given().when(RecordDiscovered(ORGANISATION, SITE, seen)).then(
        replace(FOUND, what=what, sighting=seen)
    )


def test_seeing_it_again_as_it_was_is_no_news() -> None:
    given(FOUND).when(RecordSighting(SEEN)).then_nothing()


@pytest.mark.parametrize(
    "new",
    [
        {"host": "192.168.10.9"},
        {"port": 8080},
        {"tls": True},
        {"path": "/other"},
        {"name": "Quay"},
        {"serial": "A-2"},
        {"mac": "00:FF:00:00:00:02"},
        {"fresh": False},
    ],
)
def test_anything_else_than_before_is_news(new: dict[str, Any]) -> None:
    seen = replace(SEEN, **new)
    state = given(FOUND).when(RecordSighting(seen)).then(changed(seen))
    assert {name: getattr(state, name) for name in new} == new


@pytest.mark.parametrize(
    "silent",
    [{name: ""} for name in ("name", "manufacturer", "model", "serial", "mac")] + [{"fresh": None}],
)
def test_what_it_does_not_say_this_time_is_what_it_said_before(silent: dict[str, Any]) -> None:
    given(FOUND).when(RecordSighting(replace(SEEN, **silent))).then_nothing()


def test_what_is_gone_is_told_once_and_is_news_when_it_is_back() -> None:
    assert given(FOUND).when(RecordGone()).then(GONE).gone
    given(FOUND, GONE).when(RecordGone()).then_nothing()
    assert not given(FOUND, GONE).when(RecordSighting(SEEN)).then(changed(SEEN)).gone


def test_what_is_ignored_stays_so_until_it_is_heeded() -> None:
    state = given(FOUND).when(IgnoreDiscovered()).then(IGNORED)
    assert state.ignored
    assert not IgnoreDiscovered.offered(state, NOW) and HeedDiscovered.offered(state, NOW)
    given(FOUND, IGNORED).when(IgnoreDiscovered()).then_nothing()
    moved = changed(replace(SEEN, host="192.168.10.9"))
    assert given(FOUND, IGNORED, GONE, moved).state().ignored, "wherever it turns up"
    state = given(FOUND, IGNORED).when(HeedDiscovered()).then(HEEDED)
    assert not state.ignored
    assert IgnoreDiscovered.offered(state, NOW) and not HeedDiscovered.offered(state, NOW)
    given(FOUND).when(HeedDiscovered()).then_nothing()


def test_one_thing_has_one_stream_at_a_site() -> None:
    assert discovered_id(SITE, "a") == discovered_id(SITE, "a")
    assert (
        len({discovered_id(SITE, "a"), discovered_id(SITE, "b"), discovered_id(ORGANISATION, "a")})
        == 3
    )
