"""The console's pages of discovery: scans, what they came upon, and a site's networks."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from devices import vault
from devices.discovery.additions import name_of
from devices.discovery.discoveries import Standing
from devices.models import Device, Discovered, Scan, ScanProgress, Site
from devices.state import ChannelFacts, Kind, Method, Repeat, discovered_id
from devices.steps.add_device import AddDevice
from devices.steps.discover import IgnoreDiscovered, RecordDiscovered, RecordGone, Sighting
from devices.steps.open_site import OpenSite
from devices.steps.remove_device import RemoveDevice
from devices.steps.scan_network import FailScan, RecordScan, RequestScan
from devices.steps.site_networks import SetNetworks
from devices.steps.take_in_device import RecordChannels
from fleet.audit.entries import _LOOKS
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import EVENTS
from tests.cast import SETUP, Cast, cast

pytestmark = pytest.mark.django_db

NETWORK = "203.0.113.0/24"
INVENTED = "invented-for-this-test-1"
MAILBOX = "owner@example.com"


@pytest.fixture
def who() -> Cast:
    return cast()


@pytest.fixture
def pages(client: Client, who: Cast) -> Client:
    """Alice's browser."""
    client.force_login(who.alice)
    return client


@pytest.fixture
def named(who: Cast) -> Cast:
    """The site's networks are named."""
    handle(SetNetworks(NETWORK), who.site, who.by(who.alice))
    return who


def found(who: Cast, number: int, **more: Any) -> UUID:
    """Something that a scan came upon."""
    said = {
        "key": f"urn:uuid:{number}",
        "host": f"203.0.113.{number}",
        "port": 80,
        "tls": False,
        "path": "/onvif/device_service",
        "name": "",
        "manufacturer": "TP-Link",
        "model": "C340",
        "serial": f"S{number:04}",
        "mac": f"00:00:5E:00:53:{number:02X}",
        "fresh": False,
    } | more
    stream = discovered_id(who.site, said["key"])
    handle(RecordDiscovered(who.organisation, who.site, Sighting(**said)), stream, SETUP)
    return stream


def added(who: Cast, number: int, **more: Any) -> UUID:
    """A device of the fleet, that no worker has looked at."""
    said = {
        "site": who.site,
        "kind": Kind.CAMERA,
        "name": f"Gate {number}",
        "host": f"203.0.113.{number}",
        "port": 80,
        "username": "admin",
        "password": INVENTED,
        "reset_email": MAILBOX,
    } | more
    device = new_id()
    handle(AddDevice(**said), device, who.by(who.alice))
    return device


def a_scan(who: Cast, **how: Any) -> UUID:
    """A scan that no worker has begun."""
    scan = new_id()
    handle(RequestScan(who.site, NETWORK, **how), scan, who.by(who.alice))
    return scan


def body(pages: Client, name: str, *args: Any, **query: Any) -> str:
    response = pages.get(reverse(name, args=args), query)
    assert response.status_code == 200
    return response.content.decode()


def listed(response_body: str) -> list[str]:
    """The addresses of the list's rows, in order."""
    return re.findall(r'data-label="Address"><span><code>([^<]+):80</code>', response_body)


# --- what to do next ------------------------------------------------------------------------------


def test_without_networks_an_administrator_is_led_to_name_them(pages: Client, who: Cast) -> None:
    said = body(pages, "discovery")
    assert "No networks are named yet." in said
    assert reverse("site-networks", args=[who.site]) in said


def test_who_may_not_name_networks_is_told_whom_to_ask(client: Client, who: Cast) -> None:
    from fleet.accounts.state import Role
    from tests.cast import person

    client.force_login(person("Olga", who.organisation, Role.OPERATOR, who.site))
    said = body(client, "discovery")
    assert "Ask an administrator of the site to name them." in said
    assert reverse("site-networks", args=[who.site]) not in said


def test_with_networks_a_search_is_offered(pages: Client, named: Cast) -> None:
    said = body(pages, "discovery")
    assert "No network has been searched yet." in said
    assert reverse("request-scan") in said


def test_after_a_search_that_found_nothing_an_address_scan_is_advised(
    pages: Client, named: Cast
) -> None:
    scan = a_scan(named)
    handle(RecordScan(1, 0, 0, 0, 0), scan, SETUP)
    said = body(pages, "discovery")
    assert "are found by an address scan" in said
    assert reverse("request-scan") in said
    assert "Nothing was found" in body(pages, "scan", scan)


def test_while_a_search_runs_one_is_told_to_wait(pages: Client, named: Cast) -> None:
    a_scan(named)
    assert (
        "Rekey is searching. As soon as it is through, the line above shows what it found."
        in body(pages, "discovery")
    )


def test_a_viewer_waits_for_an_operator(client: Client, named: Cast) -> None:
    client.force_login(named.bob)
    said = body(client, "discovery")
    assert "As soon as an operator of your site has searched" in said
    assert reverse("request-scan") not in said


# --- networks -------------------------------------------------------------------------------------


def test_alice_names_the_networks_of_a_site(pages: Client, who: Cast) -> None:
    here = reverse("site-networks", args=[who.site])
    answer = pages.post(here, {"networks": f"{NETWORK}\n198.51.100.0/25"}, follow=True)
    assert "Rekey searches these networks and no others." in answer.content.decode()
    row = Site.objects.for_jobs().get(pk=who.site)
    assert row.networks == [NETWORK, "198.51.100.0/25"]
    site = body(pages, "site", who.site)
    assert NETWORK in site
    assert here in site


def test_a_network_that_is_none_is_refused_at_its_field(pages: Client, who: Cast) -> None:
    answer = pages.post(reverse("site-networks", args=[who.site]), {"networks": "the yard"})
    assert answer.status_code == 422
    assert 'id="id_networks_error"' in answer.content.decode()
    assert Site.objects.for_jobs().get(pk=who.site).networks == []


def test_a_viewer_reads_the_networks_and_names_none(client: Client, named: Cast) -> None:
    client.force_login(named.bob)
    said = body(client, "site-networks", named.site)
    assert NETWORK in said
    assert "<textarea" not in said
    here = reverse("site-networks", args=[named.site])
    assert client.post(here, {"networks": ""}).status_code == 403
    assert Site.objects.for_jobs().get(pk=named.site).networks == [NETWORK]


# --- searching ------------------------------------------------------------------------------------


def test_the_search_offers_the_networks_of_the_site_that_is_chosen(
    pages: Client, named: Cast
) -> None:
    museum = new_id()
    handle(OpenSite(named.organisation, "Museum", "Europe/London"), museum, SETUP)
    handle(SetNetworks("198.51.100.0/25"), museum, named.by(named.alice))
    here, there = (body(pages, "request-scan", site=site) for site in (named.site, museum))
    assert f'<option value="{NETWORK}">' in here
    assert "198.51.100.0/25" not in here
    assert f'value="{NETWORK}"' not in there
    assert 'value="198.51.100.0/25"' in there


def test_a_site_without_networks_is_named_first(pages: Client, who: Cast) -> None:
    said = body(pages, "request-scan", site=who.site)
    assert reverse("site-networks", args=[who.site]) in said
    assert '<button class="button primary">Search' not in said


def test_alice_searches_a_network_again_and_again(pages: Client, named: Cast) -> None:
    asked = {
        "site": str(named.site),
        "network": "203.0.113.64/26",
        "method": "address_scan",
        "ports": "80 2020",
        "repeat": "daily",
    }
    answer = pages.post(reverse("request-scan"), asked)
    row = Scan.objects.for_jobs().get()
    assert answer["Location"] == reverse("scan", args=[row.pk])
    assert (row.network, row.method, row.ports, row.repeat) == (
        "203.0.113.64/26",
        Method.ADDRESS_SCAN,
        [80, 2020],
        Repeat.DAILY,
    )


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"network": "10.0.0.0/24"}, "network"),
        ({"network": "the yard"}, "network"),
        ({"method": "address_scan", "ports": "none"}, "ports"),
        ({"method": "guess"}, "method"),
        ({"site": "00000000-0000-0000-0000-000000000001"}, "site"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_begun(
    pages: Client, named: Cast, wrong: dict[str, str], field: str
) -> None:
    asked = {"site": str(named.site), "network": NETWORK, "method": "ws_discovery"} | wrong
    answer = pages.post(reverse("request-scan"), asked)
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in answer.content.decode()
    assert not Scan.objects.for_jobs().exists()


def test_a_scan_shows_how_far_it_is_and_stays_silent_while_nothing_moves(
    pages: Client, named: Cast
) -> None:
    scan = a_scan(named, method=Method.ADDRESS_SCAN)
    assert "Asking the addresses" in body(pages, "scan", scan)
    ScanProgress.objects.create(scan=scan, done=300, total=1016, found=7)
    said = body(pages, "scan-live", scan)
    assert "300 of 1,016 addresses and ports asked, 7 found" in said
    [seen] = re.findall(r"\?seen=([^\"&]+)", said)
    assert pages.get(reverse("scan-live", args=[scan]), {"seen": seen}).status_code == 204
    assert "300 of 1,016" in body(pages, "discovery")


def test_a_scan_that_ended_brings_its_page_anew_and_its_row_to_rest(
    pages: Client, named: Cast
) -> None:
    scan = a_scan(named)
    handle(RecordScan(1, 12, 3, 1, 2), scan, SETUP)
    answer = pages.get(reverse("scan-live", args=[scan]))
    assert (answer.status_code, answer["HX-Refresh"]) == (204, "true")
    row = body(pages, "scan-live", scan, row=1)
    assert "12 found: 3 new, 1 changed, 2 gone" in row
    assert "hx-get" not in row
    assert f'id="stop-{scan}" hx-swap-oob="true"></span>' in row
    said = body(pages, "scan", scan)
    assert f"?site={named.site}&amp;standing=new" in said
    assert "found 12 devices: 3 new, 1 changed, 2 gone" in said


def test_a_scan_that_failed_says_why(pages: Client, named: Cast) -> None:
    scan = a_scan(named)
    handle(FailScan("This machine has no interface on this network."), scan, SETUP)
    for name, args in (("scan", [scan]), ("discovery", []), ("scans", [])):
        assert "This machine has no interface on this network." in body(pages, name, *args)


def test_a_scan_is_stopped_by_its_button_and_only_by_who_may(
    client: Client, pages: Client, named: Cast
) -> None:
    scan = a_scan(named, repeat=Repeat.DAILY)
    assert reverse("stop-scan", args=[scan]) in body(pages, "discovery")
    bob = Client()
    bob.force_login(named.bob)
    assert reverse("stop-scan", args=[scan]) not in body(bob, "discovery")
    assert bob.post(reverse("stop-scan", args=[scan])).status_code == 403
    pages.post(reverse("stop-scan", args=[scan]))
    assert Scan.objects.for_jobs().get(pk=scan).status == "stopped"
    assert reverse("stop-scan", args=[scan]) not in body(pages, "scan", scan)


def test_what_runs_or_will_run_again_stands_before_what_is_over(pages: Client, named: Cast) -> None:
    daily = a_scan(named, repeat=Repeat.DAILY)
    handle(RecordScan(1, 0, 0, 0, 0), daily, SETUP)
    for _ in range(7):
        handle(RecordScan(1, 0, 0, 0, 0), a_scan(named), SETUP)
    row = r'<th scope="row"><a href="/discovery/scans/([^/]+)/'
    shown = re.findall(row, body(pages, "discovery"))
    assert (shown[0], len(shown)) == (str(daily), 5)
    assert len(re.findall(row, body(pages, "scans"))) == 8


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


# --- one of them ----------------------------------------------------------------------------------


def buttons(said: str) -> set[str]:
    """What the page of a discovered device offers."""
    head = said[said.index('class="page-actions"') : said.index('class="lede"')]
    plain = re.sub(r'<span class="unseen">[^<]*</span>', "", head)
    return {" ".join(text.split()) for text in re.findall(r"<(?:a|button) [^>]*>([^<]+)<", plain)}


def test_the_seeds_buttons_are_offered_where_they_make_sense(pages: Client, who: Cast) -> None:
    has, fresh, unknown = found(who, 1), found(who, 2, fresh=True), found(who, 3, fresh=None)
    assert buttons(body(pages, "discovered", has)) == {"Add", "Forget Password", "Ignore"}
    assert buttons(body(pages, "discovered", fresh)) == {"Set Password", "Ignore"}
    assert buttons(body(pages, "discovered", unknown)) == {
        "Add",
        "Set Password",
        "Forget Password",
        "Ignore",
    }
    pages.post(reverse("ignore-discovered", args=[has]))
    assert "Heed again" in buttons(body(pages, "discovered", has))
    pages.post(reverse("heed-discovered", args=[has]))
    assert "Ignore" in buttons(body(pages, "discovered", has))


def test_alice_adds_what_was_discovered_with_its_password(pages: Client, who: Cast) -> None:
    one = found(who, 1, model="NVR1016H")
    form = body(pages, "add-discovered", one)
    for seen in ("203.0.113.1", "S0001", "00:00:5E:00:53:01", '<option value="nvr" selected>'):
        assert seen in form
    answer = pages.post(reverse("add-discovered", args=[one]), filled(pages, one))
    device = Device.objects.for_jobs().get()
    assert answer["Location"] == reverse("device", args=[device.pk])
    assert (device.site, device.kind, device.host, device.serial, device.reset_email) == (
        who.site,
        "nvr",
        "203.0.113.1",
        "S0001",
        MAILBOX,
    )


def filled(pages: Client, one: UUID, name: str = "add-discovered", **more: str) -> dict[str, str]:
    """The form as it is offered, with what only people know."""
    bound = pages.get(reverse(name, args=[one])).context["form"]
    asked = {field.name: field.value() for field in bound}
    known = {"password": INVENTED, "reset_email": MAILBOX} | more
    return {n: str(v) for n, v in (asked | known).items() if v not in (None, "", False)}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"password": ""}, "password"),
        ({"name": " "}, "name"),
        ({"reset_email": "nobody"}, "reset_email"),
        ({"host": "http://gate/"}, "host"),
        ({"mac": "yes"}, "mac"),
        ({"channel": "2"}, "channel"),
    ],
)
def test_what_is_wrong_with_adding_is_said_at_its_field(
    pages: Client, who: Cast, wrong: dict[str, str], field: str
) -> None:
    one = found(who, 1)
    answer = pages.post(reverse("add-discovered", args=[one]), filled(pages, one) | wrong)
    said = answer.content.decode()
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in said
    assert INVENTED not in said, "a typed password is never sent back"
    if field in ("host", "mac"):
        assert 'class="advice" open>' in said, "what is folded away is opened"
    assert not Device.objects.for_jobs().exists()


def test_what_is_in_the_fleet_by_now_is_not_added_twice(pages: Client, who: Cast) -> None:
    one = found(who, 1)
    answers = filled(pages, one)
    added(who, 1)
    assert pages.post(reverse("add-discovered", args=[one]), answers).status_code == 409
    assert Device.objects.for_jobs().count() == 1


@pytest.mark.parametrize("typed", ["", "Seven-tall-masts-7"])
def test_set_password_generates_one_or_takes_the_typed(
    pages: Client, who: Cast, typed: str
) -> None:
    one = found(who, 1, fresh=True)
    answers = filled(pages, one, "activate-discovered", password=typed)
    answer = pages.post(reverse("activate-discovered", args=[one]), answers)
    device = Device.objects.for_jobs().get()
    assert answer["Location"] == reverse("device", args=[device.pk])
    assert device.fresh
    from devices.steps.add_device import DeviceAdded
    from fleet.eventstore.models import EventRow
    from fleet.eventstore.store import read_stream

    assert EventRow.everything.filter(type=DeviceAdded.tag).count() == 1
    [event] = [r.event for r in read_stream(device.pk) if isinstance(r.event, DeviceAdded)]
    kept = vault.get(event.secret, device.pk)
    assert kept == typed if typed else len(kept) == 16


@pytest.mark.parametrize(
    ("wrong", "field"), [({"reset_email": ""}, "reset_email"), ({"password": "short"}, "password")]
)
def test_set_password_needs_a_mailbox_and_a_fit_password(
    pages: Client, who: Cast, wrong: dict[str, str], field: str
) -> None:
    one = found(who, 1, fresh=True)
    answers = filled(pages, one, "activate-discovered") | wrong
    answer = pages.post(reverse("activate-discovered", args=[one]), answers)
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in answer.content.decode()
    assert not Device.objects.for_jobs().exists()


def test_a_device_that_moved_is_followed(pages: Client, who: Cast) -> None:
    device = added(who, 77, serial="S0001")
    one = found(who, 1)
    assert "It is Gate 77 at a new address" in body(pages, "discovered", one)
    answer = pages.post(reverse("follow-discovered", args=[one]))
    assert answer["Location"] == reverse("device", args=[device])
    assert Device.objects.for_jobs().get(pk=device).host == "203.0.113.1"
    assert pages.post(reverse("follow-discovered", args=[one])).status_code == 409


def test_a_device_of_another_site_is_said_to_be_there(pages: Client, who: Cast) -> None:
    museum = new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/London"), museum, SETUP)
    device = added(who, 77, serial="S0001", site=museum)
    one = found(who, 1)
    said = body(pages, "discovered", one)
    assert "It is in the fleet at another site" in said
    assert reverse("device", args=[device]) in said
    assert buttons(said) == {"Forget Password"}


# --- Forget Password ------------------------------------------------------------------------------


def test_forget_password_of_a_device_of_the_fleet_leads_to_its_reset(
    pages: Client, who: Cast
) -> None:
    device, one = added(who, 1), found(who, 1)
    assert reverse("request-reset", args=[device]) in body(pages, "forget-discovered", one)


def test_forget_password_of_a_stranger_promises_no_code(pages: Client, who: Cast) -> None:
    said = body(pages, "forget-discovered", found(who, 1))
    assert "it cannot send a code for it" in said
    assert "it was never in the fleet" in said
    assert "No NVR of this site’s fleet has it on a channel." in said
    assert "Factory restore" in said
    assert "request-reset" not in said


def test_forget_password_knows_a_device_that_was_in_the_fleet_before(
    pages: Client, who: Cast
) -> None:
    device = added(who, 9, serial="S0001")
    handle(RemoveDevice("Sold"), device, who.by(who.alice))
    said = body(pages, "forget-discovered", found(who, 1))
    assert "It was in the fleet as" in said
    assert reverse("device", args=[device]) in said


def test_forget_password_names_the_nvr_that_has_it_on_a_channel(pages: Client, who: Cast) -> None:
    nvr = added(who, 40, kind=Kind.NVR, name="Recorder")
    on = ChannelFacts(3, "Gate", "203.0.113.99", "00:00:5E:00:53:01")
    handle(RecordChannels((on,)), nvr, SETUP)
    said = body(pages, "forget-discovered", found(who, 1))
    assert "has it on channel 3" in said
    assert reverse("device", args=[nvr]) in said


def test_a_fresh_one_has_no_password_to_forget(pages: Client, who: Cast) -> None:
    one = found(who, 1, fresh=True)
    said = body(pages, "forget-discovered", one)
    assert "There is none to forget" in said
    assert reverse("activate-discovered", args=[one]) in said


# --- many of them ---------------------------------------------------------------------------------


def test_chosen_ones_are_shown_before_they_are_added_with_one_account(
    pages: Client, who: Cast
) -> None:
    ids = [str(found(who, number)) for number in (1, 2, 3)]
    shown = pages.post(reverse("add-chosen"), {"discovered": ids, "list": "fresh=no"})
    said = shown.content.decode()
    assert shown.status_code == 200
    assert "Add 3 devices" in said
    assert not Device.objects.for_jobs().exists()
    answers = {"username": "admin", "password": INVENTED, "reset_email": MAILBOX}
    sure = {"discovered": ids, "confirmed": "yes", "list": "fresh=no", **answers}
    answer = pages.post(reverse("add-chosen"), sure)
    assert answer["Location"] == "/discovery/?fresh=no"
    assert Device.objects.for_jobs().count() == 3
    assert "Added 3 devices." in body(pages, "discovery")


def test_those_without_a_password_are_left_out_of_adding_and_it_is_said(
    pages: Client, who: Cast
) -> None:
    ids = [str(found(who, 1)), str(found(who, 2, fresh=True))]
    said = pages.post(reverse("add-chosen"), {"discovered": ids}).content.decode()
    assert "1 of those that you chose has no password yet" in said
    assert ids[0] in said
    assert ids[1] not in said
    said = pages.post(reverse("activate-chosen"), {"discovered": ids}).content.decode()
    assert "1 of those that you chose has a password already" in said
    assert ids[0] not in said
    assert ids[1] in said


def test_chosen_fresh_ones_get_a_password_each(pages: Client, who: Cast) -> None:
    ids = [str(found(who, number, fresh=True)) for number in (1, 2)]
    sure = {"discovered": ids, "confirmed": "yes", "reset_email": ""}
    answer = pages.post(reverse("activate-chosen"), sure)
    assert answer.status_code == 422
    assert 'id="id_reset_email_error"' in answer.content.decode()
    pages.post(reverse("activate-chosen"), sure | {"reset_email": MAILBOX})
    assert Device.objects.for_jobs().filter(fresh=True, reset_email=MAILBOX).count() == 2


def test_all_are_added_or_none(pages: Client, who: Cast) -> None:
    ids = [str(found(who, number)) for number in (1, 2)]
    added(who, 2)
    answers = {"username": "admin", "password": INVENTED, "reset_email": ""}
    answer = pages.post(reverse("add-chosen"), {"discovered": ids, "confirmed": "yes", **answers})
    assert answer.status_code == 409
    assert "in the fleet already" in answer.content.decode()
    assert INVENTED not in answer.content.decode()
    assert Device.objects.for_jobs().count() == 1


def test_chosen_ones_are_ignored_once_it_is_confirmed(pages: Client, who: Cast) -> None:
    ids = [str(found(who, number)) for number in (1, 2)]
    said = pages.post(reverse("ignore-chosen"), {"discovered": ids}).content.decode()
    assert "Ignore 2 devices" in said
    assert not Discovered.objects.for_jobs().filter(ignored=True).exists()
    pages.post(reverse("ignore-chosen"), {"discovered": ids, "confirmed": "yes"})
    assert Discovered.objects.for_jobs().filter(ignored=True).count() == 2


def test_with_nothing_chosen_one_is_told_so(pages: Client, who: Cast) -> None:
    assert pages.get(reverse("add-chosen"))["Location"] == reverse("discovery")
    answer = pages.post(reverse("add-chosen"), follow=True)
    assert "Nothing was chosen." in answer.content.decode()
    assert pages.post(reverse("add-chosen"), {"discovered": "boat"}).status_code == 404


# --- who may not ----------------------------------------------------------------------------------


def test_bob_looks_and_presses_nothing(client: Client, named: Cast) -> None:
    one, scan = found(named, 1), a_scan(named)
    client.force_login(named.bob)
    said = body(client, "discovery")
    assert listed(said) == ["203.0.113.1"]
    assert "<button" not in said[said.index('id="results"') : said.index("</main>")]
    assert "checkbox" not in said
    assert buttons(body(client, "discovered", one)) == set()
    for name in ("add-discovered", "activate-discovered"):
        assert client.get(reverse(name, args=[one])).status_code == 403
    deeds = ("add", "activate", "follow", "ignore", "heed")
    for name in (f"{deed}-discovered" for deed in deeds):
        assert client.post(reverse(name, args=[one])).status_code == 403
    for name in ("add-chosen", "activate-chosen", "ignore-chosen"):
        answer = client.post(reverse(name), {"discovered": str(one), "confirmed": "yes"})
        assert answer.status_code == 403
    assert client.post(reverse("stop-scan", args=[scan])).status_code == 403
    assert client.get(reverse("request-scan")).status_code == 403
    assert not Device.objects.for_jobs().exists()


def test_charlie_sees_nothing_of_ours(client: Client, named: Cast) -> None:
    one, scan = found(named, 1), a_scan(named)
    client.force_login(named.charlie)
    for name in ("discovery", "scans"):
        said = body(client, name)
        assert "203.0.113" not in said
        assert "C340" not in said
    for name in ("discovered", "forget-discovered", "add-discovered"):
        assert client.get(reverse(name, args=[one])).status_code == 404
    for name in ("scan", "scan-live"):
        assert client.get(reverse(name, args=[scan])).status_code == 404
    assert client.get(reverse("site-networks", args=[named.site])).status_code == 404
    answer = client.post(reverse("add-chosen"), {"discovered": str(one)})
    assert answer.status_code == 404


# --- how events look ------------------------------------------------------------------------------


def test_every_event_of_devices_has_a_look() -> None:
    ours = {name for name in EVENTS if name.startswith("devices.")}
    assert ours - set(_LOOKS) == set()
