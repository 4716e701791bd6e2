"""The console's lists of sites and devices, and the forms that add to them."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from devices.models import Device, Site
from devices.state import Kind
from devices.steps.add_device import AddDevice
from devices.steps.check_device import RecordCheck, RecordTrouble
from devices.steps.open_site import OpenSite
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.ids import new_id
from tests.cast import SETUP, Cast

pytestmark = pytest.mark.django_db

INVENTED = "invented-for-this-test-1"


def add(who: Cast, *names: str, **more: Any) -> list[UUID]:
    """Devices that no worker has looked at."""
    first = Device.objects.for_jobs().count() + 1
    orders = [
        Order(
            AddDevice(
                **{
                    "site": who.site,
                    "kind": Kind.CAMERA,
                    "name": name,
                    "host": "203.0.113.9",
                    "port": number,
                    "username": "admin",
                    "password": INVENTED,
                    "reset_email": "owner@example.com",
                }
                | more
            ),
            new_id(),
        )
        for number, name in enumerate(names, first)
    ]
    handle_all(orders, who.by(who.alice))
    return [order.stream for order in orders]


def names(response: Any) -> list[str]:
    """The devices of a list's rows, in order."""
    body = response.content.decode()
    return re.findall(r'<th scope="row"><a href="/devices/[^"]+">([^<]+)</a>', body)


# --- the list -------------------------------------------------------------------------------------


def test_each_status_stands_in_words_and_can_be_filtered_by(pages: Client, who: Cast) -> None:
    opens, lost, silent, _new = add(who, "Opens", "Lost", "Silent", "New")
    handle(RecordCheck(True), opens, SETUP)
    handle(RecordCheck(False), lost, SETUP)
    handle(RecordTrouble("unreachable"), silent, SETUP)
    body = pages.get(reverse("devices")).content.decode()
    for words in ("Certified", "Not certified", "Does not answer", "Not checked yet"):
        assert f"<span>{words}</span>" in body
    for status, name in {
        "certified": "Opens",
        "not_certified": "Lost",
        "trouble": "Silent",
        "not_checked": "New",
    }.items():
        assert names(pages.get(reverse("devices"), {"status": status})) == [name]


def test_what_needs_somebody_comes_first_when_sorted_by_status(pages: Client, who: Cast) -> None:
    opens, lost, silent, _new = add(who, "Opens", "Lost", "Silent", "New")
    handle(RecordCheck(True), opens, SETUP)
    handle(RecordCheck(False), lost, SETUP)
    handle(RecordTrouble("unreachable"), silent, SETUP)
    assert names(pages.get("/devices/?sort=status")) == ["Lost", "Silent", "New", "Opens"]
    assert names(pages.get("/devices/?sort=-status")) == ["Opens", "New", "Silent", "Lost"]


@pytest.mark.parametrize("sort", ["name", "-name", "kind", "site", "nvr", "address", "model", "no"])
def test_every_column_sorts_and_an_unknown_one_is_the_name(
    pages: Client, who: Cast, sort: str
) -> None:
    add(who, "B", "A", "C")
    found = names(pages.get(reverse("devices"), {"sort": sort}))
    if sort in ("name", "no"):
        assert found == ["A", "B", "C"]
    assert sorted(found) == ["A", "B", "C"]


def test_a_search_finds_names_addresses_sites_and_recorders(pages: Client, who: Cast) -> None:
    [nvr] = add(who, "Recorder", kind=Kind.NVR)
    add(who, "Gate north", host="198.51.100.4", nvr=nvr, channel=1)
    add(who, "Gate south", host="198.51.100.5")
    for asked, found in {
        "gate": ["Gate north", "Gate south"],
        "gate 100.5": ["Gate south"],
        "recorder": ["Gate north", "Recorder"],
        "harbour": ["Gate north", "Gate south", "Recorder"],
        "198.51.100.5:3": ["Gate south"],
        "198.51.100.5:2": [],
        "gate 198.51.100.4:2": ["Gate north"],
        "'; --": [],
    }.items():
        assert names(pages.get(reverse("devices"), {"q": asked})) == found, asked


def test_filters_add_up_and_nonsense_narrows_nothing_down(pages: Client, who: Cast) -> None:
    add(who, "Recorder", kind=Kind.NVR)
    add(who, "Gate")
    site = str(who.site)
    assert names(pages.get(reverse("devices"), {"site": site, "kind": "nvr"})) == ["Recorder"]
    assert len(names(pages.get("/devices/?site=nowhere&kind=boat&status=fine&per=7&page=99"))) == 2


def test_pages_of_50_100_or_500_keep_the_filters(pages: Client, who: Cast) -> None:
    add(who, *(f"Camera {number:03}" for number in range(120)))
    first = pages.get("/devices/?kind=camera")
    assert len(names(first)) == 50
    assert "1–50 of 120 devices" in first.content.decode()
    assert 'href="?kind=camera&amp;page=3"' in first.content.decode()
    assert len(names(pages.get("/devices/?kind=camera&page=3"))) == 20
    assert len(names(pages.get("/devices/?per=100"))) == 100
    assert len(names(pages.get("/devices/?per=500"))) == 120


def test_as_many_queries_for_200_devices_as_for_10(
    pages: Client, who: Cast, django_assert_num_queries: Any
) -> None:
    """Else a fleet of a thousand makes its own list slow."""
    [nvr] = add(who, "Recorder", kind=Kind.NVR)
    for number in range(1, 10):
        add(who, f"Camera {number:03}", nvr=nvr, channel=number)
    addresses = ["/devices/?per=500", f"/sites/{who.site}/", "/sites/", "/", f"/devices/{nvr}/"]
    few = [_queries(pages, address) for address in addresses]
    for number in range(10, 200):
        add(who, f"Camera {number:03}", nvr=nvr, channel=number)
    assert [_queries(pages, address) for address in addresses] == few
    assert max(few) < 40


def _queries(pages: Client, address: str) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as captured:
        assert pages.get(address).status_code == 200
    return len(captured)


# --- nothing to show ------------------------------------------------------------------------------


def test_with_no_device_the_list_offers_to_add_one(pages: Client) -> None:
    body = pages.get(reverse("devices")).content.decode()
    assert "No devices yet." in body
    assert reverse("add-device") in body


def test_who_may_not_add_is_told_whom_to_wait_for(client: Client, who: Cast) -> None:
    client.force_login(who.bob)
    body = client.get(reverse("devices")).content.decode()
    assert "No devices yet." in body
    assert reverse("add-device") not in body


def test_filters_that_fit_nothing_can_be_cleared(pages: Client, who: Cast) -> None:
    add(who, "Gate")
    body = pages.get(reverse("devices"), {"q": "boat"}).content.decode()
    assert "No device fits these filters." in body
    assert "Clear filters" in body


# --- who sees what --------------------------------------------------------------------------------


def test_charlie_sees_nothing_of_northern_light(client: Client, who: Cast) -> None:
    [gate] = add(who, "Gate")
    client.force_login(who.charlie)
    for address in ("devices", "sites", "dashboard"):
        body = client.get(reverse(address)).content.decode()
        assert "Gate" not in body
        assert "Harbour" not in body
    foreign = client.get(reverse("site", args=[who.site]))
    unknown = client.get(reverse("site", args=[new_id()]))
    assert (foreign.status_code, unknown.status_code) == (404, 404)
    assert _words(foreign) == _words(unknown)
    for address in ("device", "device-live"):
        foreign = client.get(reverse(address, args=[gate]))
        unknown = client.get(reverse(address, args=[new_id()]))
        assert (foreign.status_code, unknown.status_code) == (404, 404)
        assert _words(foreign) == _words(unknown)


def _words(response: Any) -> str:
    """What a page says, without what differs from answer to answer."""
    body = re.sub(r"<[^>]*>", " ", response.content.decode())
    return " ".join(body.split())


@pytest.mark.parametrize("address", ["devices", "sites", "add-device", "open-site", "dashboard"])
def test_without_a_sign_in_every_page_leads_to_it(client: Client, address: str) -> None:
    response = client.get(reverse(address))
    assert response.status_code == 302
    assert response["Location"].startswith("/account/login/")


# --- sites ----------------------------------------------------------------------------------------


def test_a_site_shows_its_devices_and_its_own_time(pages: Client, who: Cast) -> None:
    add(who, "Gate")
    [other] = [new_id()]
    handle(OpenSite(who.organisation, "Museum", "Europe/London"), other, who.by(who.alice))
    body = pages.get(reverse("site", args=[who.site])).content.decode()
    assert "Gate" in body
    assert "Europe/Stockholm" in body
    assert "Gate" not in pages.get(reverse("site", args=[other])).content.decode()


def test_alice_opens_a_site(pages: Client, who: Cast) -> None:
    response = pages.post(
        reverse("open-site"), {"name": "Museum", "timezone": "Europe/London"}, follow=True
    )
    assert response.status_code == 200
    assert "The site is open." in response.content.decode()
    site = Site.objects.for_jobs().get(name="Museum")
    assert (site.organisation, site.timezone) == (who.organisation, "Europe/London")


def test_a_site_without_a_name_is_refused_at_its_field(pages: Client) -> None:
    response = pages.post(reverse("open-site"), {"name": " ", "timezone": "UTC"})
    assert response.status_code == 422
    assert 'id="id_name_error"' in response.content.decode()


@pytest.mark.parametrize("name", ["tess", "bob"])
def test_only_administrators_open_sites(client: Client, who: Cast, name: str) -> None:
    client.force_login(getattr(who, name))
    assert reverse("open-site") not in client.get(reverse("sites")).content.decode()
    assert client.get(reverse("open-site")).status_code == 403
    answer = client.post(reverse("open-site"), {"name": "Mine", "timezone": "UTC"})
    assert answer.status_code == 403
    assert not Site.objects.for_jobs().filter(name="Mine").exists()


# --- adding a device ------------------------------------------------------------------------------


def filled(who: Cast, **more: Any) -> dict[str, Any]:
    return {
        "site": str(who.site),
        "kind": "camera",
        "name": "Gate",
        "host": "203.0.113.9",
        "port": "80",
        "username": "admin",
        "password": INVENTED,
        "reset_email": "owner@example.com",
        "nvr": "",
        "channel": "",
    } | more


def test_alice_adds_a_device_and_gets_to_its_page(pages: Client, who: Cast) -> None:
    response = pages.post(reverse("add-device"), filled(who))
    device = Device.objects.for_jobs().get(name="Gate")
    assert response.status_code == 302
    assert response["Location"] == reverse("device", args=[device.pk])
    assert (device.host, device.port, device.reset_email) == (
        "203.0.113.9",
        80,
        "owner@example.com",
    )


def test_a_camera_is_added_to_a_channel_of_an_nvr(pages: Client, who: Cast) -> None:
    [nvr] = add(who, "Recorder", kind=Kind.NVR)
    pages.post(reverse("add-device"), filled(who, nvr=str(nvr), channel="3"))
    device = Device.objects.for_jobs().get(name="Gate")
    assert (device.nvr_id, device.channel) == (nvr, 3)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "Gate\nnorth"}, "name"),
        ({"host": "http://gate/"}, "host"),
        ({"port": "70000"}, "port"),
        ({"port": "many"}, "port"),
        ({"password": ""}, "password"),
        ({"reset_email": "nobody"}, "reset_email"),
        ({"channel": "2"}, "channel"),
        ({"site": "00000000-0000-0000-0000-000000000001"}, "site"),
        ({"kind": "boat"}, "kind"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_added(
    pages: Client, who: Cast, wrong: dict[str, str], field: str
) -> None:
    response = pages.post(reverse("add-device"), filled(who, **wrong))
    body = response.content.decode()
    assert response.status_code == 422
    assert f'id="id_{field}_error"' in body
    assert INVENTED not in body, "a typed password is never sent back"
    assert not Device.objects.for_jobs().exists()


def test_an_address_that_is_taken_is_a_conflict(pages: Client, who: Cast) -> None:
    pages.post(reverse("add-device"), filled(who))
    response = pages.post(reverse("add-device"), filled(who, name="Other"))
    assert response.status_code == 409
    assert "has this address and port already" in response.content.decode()


def test_the_choices_are_what_the_actor_sees(pages: Client, who: Cast) -> None:
    theirs = Site.objects.for_jobs().get(name="Island")
    [nvr] = add(who, "Recorder", kind=Kind.NVR)
    body = pages.get(reverse("add-device")).content.decode()
    assert str(theirs.pk) not in body
    assert str(nvr) in body


@pytest.mark.parametrize("name", ["tess", "bob"])
def test_who_may_not_add_a_device_gets_403(client: Client, who: Cast, name: str) -> None:
    client.force_login(getattr(who, name))
    assert client.get(reverse("add-device")).status_code == 403
    assert client.post(reverse("add-device"), filled(who)).status_code == 403
    assert not Device.objects.for_jobs().exists()


# --- the dashboard --------------------------------------------------------------------------------


def test_the_dashboard_counts_and_names_what_needs_somebody(pages: Client, who: Cast) -> None:
    opens, lost = add(who, "Opens", "Lost")
    handle(RecordCheck(True), opens, SETUP)
    handle(RecordCheck(False), lost, SETUP)
    body = pages.get("/").content.decode()
    assert names(pages.get("/")) == ["Lost"]
    figures = re.findall(r'figure-value">(\d+)<.*?</svg>\s*([\w ]+)</span>', body, re.S)
    assert {label: int(value) for value, label in figures} == {
        "Cameras": 2,
        "NVRs": 0,
        "Certified": 1,
        "Not certified": 1,
        "In trouble": 0,
    }
    assert 'href="/devices/?status=not_certified"' in body
