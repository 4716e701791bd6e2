"""The history, a trace and the export: what happened, told to whoever may know it."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from devices.state import Kind
from devices.steps.add_device import AddDevice
from devices.steps.check_device import CheckDevice, RecordCheck
from devices.steps.open_site import OpenSite
from fleet.audit.entries import event_names
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import EVENTS, By
from tests.cast import SETUP, Cast, cast

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)  # 14:00 in Stockholm, 13:00 in London


@pytest.fixture
def who() -> Cast:
    with time_machine.travel(NOON, tick=False):
        return cast()


@pytest.fixture
def pages(client: Client, who: Cast) -> Client:
    """Alice's browser."""
    client.force_login(who.alice)
    return client


def add(who: Cast, name: str, site: UUID | None = None, reason: str = "", port: int = 80) -> UUID:
    device = new_id()
    command = AddDevice(
        site=site or who.site,
        kind=Kind.CAMERA,
        name=name,
        host="203.0.113.9",
        port=port,
        username="admin",
        password="invented-for-this-test-1",
    )
    by = who.by(who.alice)
    handle(command, device, By(by.actor, "198.51.100.7", reason))
    return device


def told(response: Any) -> list[str]:
    """The sentences of the history's rows, in order."""
    assert response.status_code == 200
    return re.findall(r'<th scope="row">([^<]+)<', response.content.decode())


def history(pages: Client, **asked: str) -> list[str]:
    return told(pages.get(reverse("history"), asked))


# --- the history ----------------------------------------------------------------------------------


def test_each_event_says_what_who_when_why_and_from_where(pages: Client, who: Cast) -> None:
    with time_machine.travel(NOON, tick=False):
        device = add(who, "Gate", reason="A new gate")
    body = pages.get(reverse("history")).content.decode()
    row = next(r for r in body.split("<tr>") if "Alice added Gate to the fleet." in r)
    for said in ("1 Jul 2026, 14:00:00 CEST", ">Alice<", "A new gate", "198.51.100.7", "Harbour"):
        assert said in row, said
    assert f'href="/devices/{device}/"' in row
    assert "ago" in row


def test_each_event_is_told_in_its_own_sites_time(pages: Client, who: Cast) -> None:
    museum = new_id()
    with time_machine.travel(NOON, tick=False):
        handle(OpenSite(who.organisation, "Museum", "Europe/London"), museum, who.by(who.alice))
        add(who, "Gate")
        add(who, "Hall", museum)
    body = pages.get(reverse("history")).content.decode()
    rows = {name: r for r in body.split("<tr>") for name in ("Gate", "Hall") if f"{name} to" in r}
    assert "14:00:00 CEST" in rows["Gate"]
    assert "13:00:00 BST" in rows["Hall"]


def test_filters_narrow_down_by_device_site_type_person_and_day(pages: Client, who: Cast) -> None:
    museum = new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/London"), museum, who.by(who.alice))
    with time_machine.travel(NOON, tick=False):
        gate = add(who, "Gate")
        handle(CheckDevice(), gate, who.by(who.tess))
        add(who, "Hall", museum)
    added = ["Alice added Hall to the fleet.", "Alice added Gate to the fleet."]
    checked = "Tess asked whether the stored password opens the device."
    assert history(pages, device="gate") == [checked, added[1]]
    assert history(pages, device=str(gate)) == [checked, added[1]]
    assert history(pages, device="boat") == []
    assert added[0] in history(pages, site=str(museum))
    assert added[1] not in history(pages, site=str(museum))
    assert history(pages, type="devices.device_added") == added
    assert history(pages, who="tess") == [checked]
    site = str(who.site)
    day = {"type": "devices.device_added", "site": site}
    assert history(pages, since="2026-07-01", until="2026-07-01", **day) == added[1:]
    assert history(pages, until="2026-06-30", **day) == []
    assert history(pages, since="2026-07-02", **day) == []


def test_days_are_those_of_the_chosen_site(pages: Client, who: Cast) -> None:
    """Half past ten in the evening UTC is already tomorrow in Stockholm in summer."""
    with time_machine.travel(NOON.replace(hour=22, minute=30), tick=False):
        add(who, "Gate")
    asked = {"site": str(who.site), "type": "devices.device_added"}
    assert history(pages, since="2026-07-02", until="2026-07-02", **asked)
    assert not history(pages, since="2026-07-01", until="2026-07-01", **asked)


@pytest.mark.parametrize(
    "asked",
    [
        {"site": "nowhere"},
        {"type": "no.such_event"},
        {"since": "yesterday"},
        {"until": "9999-12-31"},
        {"cursor": "x"},
    ],
)
def test_nonsense_in_the_address_narrows_nothing_down(
    pages: Client, who: Cast, asked: dict[str, str]
) -> None:
    add(who, "Gate")
    assert "Alice added Gate to the fleet." in history(pages, **asked)


def test_older_events_are_a_link_away_and_keep_the_filters(pages: Client, who: Cast) -> None:
    gate = add(who, "Gate")
    for _ in range(70):
        handle(CheckDevice(), gate, who.by(who.alice))
    first = pages.get(reverse("history"), {"device": "gate"})
    assert len(told(first)) == 50
    [older] = re.findall(r'href="(\?[^"]+)" rel="next"', first.content.decode())
    rest = pages.get(reverse("history") + older.replace("&amp;", "&"))
    assert len(told(rest)) == 21
    assert told(rest)[-1] == "Alice added Gate to the fleet."


def test_the_same_queries_however_many_devices_a_page_names(pages: Client, who: Cast) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert pages.get(reverse("history")).status_code == 200
        return len(captured)

    add(who, "Gate")
    few = queries()
    for number in range(40):
        add(who, f"Camera {number}", port=1000 + number)
    assert queries() == few


def test_every_event_can_be_chosen_by_name() -> None:
    offered = [name for _, group in event_names() for name, _ in group]
    assert sorted(offered) == sorted(EVENTS)


# --- who sees what --------------------------------------------------------------------------------


def test_bob_sees_the_history_of_his_site_alone(client: Client, who: Cast) -> None:
    museum = new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/London"), museum, who.by(who.alice))
    add(who, "Gate")
    add(who, "Hall", museum)
    client.force_login(who.bob)
    sentences = history(client)
    assert "Alice added Gate to the fleet." in sentences
    assert not any("Hall" in sentence or "Museum" in sentence for sentence in sentences)


def test_charlie_sees_nothing_of_it_in_list_trace_or_export(client: Client, who: Cast) -> None:
    gate = add(who, "Gate")
    client.force_login(who.charlie)
    assert not any("Gate" in sentence for sentence in history(client))
    foreign = client.get(reverse("trace", args=[gate]))
    unknown = client.get(reverse("trace", args=[new_id()]))
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert "Gate" not in _exported(client)


@pytest.mark.parametrize("address", ["history", "history-export", "system"])
def test_without_a_sign_in_it_leads_to_one(client: Client, address: str) -> None:
    response = client.get(reverse(address))
    assert response.status_code == 302
    assert response["Location"].startswith("/account/login/")


# --- a trace --------------------------------------------------------------------------------------


def test_a_trace_tells_all_that_came_of_one_request_in_order(pages: Client, who: Cast) -> None:
    gate = add(who, "Gate")
    other = add(who, "Other", port=81)
    handle(CheckDevice(), gate, who.by(who.tess))
    handle(RecordCheck(False), gate, SETUP)
    body = pages.get(reverse("trace", args=[gate])).content.decode()
    sentences = re.findall(r'timeline-sentence">([^<]+)<', body)
    assert sentences == [
        "Alice added Gate to the fleet.",
        "Tess asked whether the stored password opens the device.",
        "The stored password does not open the device.",
    ]
    assert str(other) not in body


# --- the export -----------------------------------------------------------------------------------


def _exported(pages: Client, **asked: str) -> str:
    response = pages.get(reverse("history-export"), asked)
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/csv")
    return b"".join(response.streaming_content).decode()


def test_the_export_holds_all_of_the_filtered_history(pages: Client, who: Cast) -> None:
    with time_machine.travel(NOON, tick=False):
        gate = add(who, "Gate", reason="A new gate")
    for _ in range(60):
        handle(CheckDevice(), gate, who.by(who.alice))
    rows = list(csv.DictReader(io.StringIO(_exported(pages, device="gate"))))
    assert len(rows) == 61
    assert rows[-1]["what happened"] == "Alice added Gate to the fleet."
    assert rows[-1]["time (UTC)"] == "2026-07-01T12:00:00.000+00:00"
    assert rows[-1]["time at the site"] == "2026-07-01T14:00:00+02:00"
    assert (rows[-1]["reason"], rows[-1]["by"]) == ("A new gate", "Alice")


def test_what_a_spreadsheet_would_run_is_made_harmless(pages: Client, who: Cast) -> None:
    add(who, "Gate", reason='=HYPERLINK("http://203.0.113.1/")')
    [row] = csv.DictReader(io.StringIO(_exported(pages, device="gate")))
    assert row["reason"].startswith("'=")
