"""The console's pages of discovery: scans, what they came upon, and a site's networks."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from devices.discovery.additions import name_of
from devices.discovery.discoveries import Standing
from devices.models import Discovered
from devices.state import discovered_id
from devices.steps.discover import IgnoreDiscovered, RecordGone
from fleet.audit.entries import _LOOKS
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import EVENTS
from tests.cast import SETUP, Cast
from tests.devices.discovery_ground import added, body, found, listed

pytestmark = pytest.mark.django_db


# --- the list -------------------------------------------------------------------------------------


def test_each_standing_is_said_in_words_and_can_be_filtered_by(pages: Client, who: Cast) -> None:
    for number in range(1, 6):
        found(who, number)
    added(who, 2)
    added(who, 77, serial="S0003")
    handle(IgnoreDiscovered(), discovered_id(who.site, "urn:uuid:4"), who.by(who.alice))
    handle(RecordGone(), discovered_id(who.site, "urn:uuid:5"), SETUP)
    for number, standing in enumerate(
        (Standing.NEW, Standing.ADDED, Standing.MOVED, Standing.IGNORED, Standing.GONE), 1
    ):
        said = body(pages, "discovery", standing=standing.value)
        assert listed(said) == [f"203.0.113.{number}"]
        assert f"<span>{standing.words}</span>" in said
    said = body(pages, "discovery")
    assert [a[-1] for a in listed(said)] == ["1", "3", "2", "4", "5"], "to be decided first"
    assert said.count('name="discovered"') == 1, "only what is new can be chosen"


def test_what_has_no_password_yet_is_marked_and_found(pages: Client, who: Cast) -> None:
    found(who, 1, fresh=True)
    found(who, 2)
    found(who, 3, fresh=None)
    said = body(pages, "discovery")
    assert said.count("<span>No password yet</span>") == 1
    assert listed(body(pages, "discovery", fresh="yes")) == ["203.0.113.1"]
    assert listed(body(pages, "discovery", fresh="no")) == ["203.0.113.2"]


def test_devices_of_one_model_are_told_apart_by_their_own_names(pages: Client, who: Cast) -> None:
    found(who, 1, name="TP-Link Lighthouse", tls=True)
    found(who, 2, name="TP-Link C340")
    said = body(pages, "discovery")
    assert said.count('<span class="soft">Lighthouse</span>') == 1
    assert "TP-Link C340" not in said
    assert said.count('<span class="soft">HTTPS</span>') == 1


@pytest.mark.parametrize(
    ("name", "model", "suggested"),
    [
        ("TP-Link Lighthouse", "C340", "Lighthouse"),
        ("Gate", "C340", "Gate"),
        ("tp-link c340", "C340", "C340 203.0.113.1"),
        ("TP-Link", "", "camera 203.0.113.1"),
        ("", "C340", "C340 203.0.113.1"),
    ],
)
def test_the_name_that_is_suggested_is_the_devices_own_or_what_it_is_and_where(
    who: Cast, name: str, model: str, suggested: str
) -> None:
    row = Discovered.objects.for_jobs().get(pk=found(who, 1, name=name, model=model))
    assert name_of(row) == suggested


def test_a_search_finds_models_addresses_serials_and_macs(pages: Client, who: Cast) -> None:
    found(who, 1)
    found(who, 2, model="NVR1016H", name="Recorder")
    for asked, numbers in {
        "nvr1016": [2],
        "113.1": [1],
        "S0002": [2],
        "53:01": [1],
        "tp-link": [1, 2],
        "'; --": [],
    }.items():
        assert listed(body(pages, "discovery", q=asked)) == [f"203.0.113.{n}" for n in numbers]
    assert "No discovered device fits these filters." in body(pages, "discovery", q="boat")


@pytest.mark.parametrize("sort", ["address", "-address", "model", "site", "standing", "no"])
def test_every_column_sorts(pages: Client, who: Cast, sort: str) -> None:
    found(who, 1, model="B")
    found(who, 2, model="A")
    shown = listed(body(pages, "discovery", sort=sort))
    first = "203.0.113.2" if sort in ("-address", "model") else "203.0.113.1"
    assert (shown[0], len(shown)) == (first, 2)


def test_pages_of_50_100_or_500_and_as_many_queries_for_each(
    pages: Client, who: Cast, django_assert_max_num_queries: Any
) -> None:
    for number in range(1, 61):
        found(who, number)
    added(who, 2)
    assert len(listed(body(pages, "discovery"))) == 50
    assert len(listed(body(pages, "discovery", page="2"))) == 10
    with django_assert_max_num_queries(25):
        assert len(listed(body(pages, "discovery", per="100"))) == 60


# --- how events look ------------------------------------------------------------------------------


def test_every_event_of_devices_has_a_look() -> None:
    ours = {name for name in EVENTS if name.startswith("devices.")}
    assert ours - set(_LOOKS) == set()
