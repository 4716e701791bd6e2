"""The console's pages of searching: a site's networks, and its scans."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from devices.models import Device, Scan, ScanProgress, Site
from devices.state import Method, Repeat
from devices.steps.open_site import OpenSite
from devices.steps.scan_network import FailScan, RecordScan
from devices.steps.site_networks import SetNetworks
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from tests.cast import SETUP, Cast
from tests.devices.discovery_ground import NETWORK, a_scan, body, buttons, found, listed

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture
def named(who: Cast) -> Cast:
    """The site's networks are named."""
    handle(SetNetworks(NETWORK), who.site, who.by(who.alice))
    return who


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


def test_search_again_begins_with_what_was_searched(pages: Client, named: Cast) -> None:
    handle(SetNetworks(f"198.51.100.0/25\n{NETWORK}"), named.site, named.by(named.alice))
    scan = a_scan(named, method=Method.ADDRESS_SCAN, ports="8443 2020")
    handle(RecordScan(1, 0, 0, 0, 0), scan, SETUP)
    link = re.search(r'href="([^"]+)">(?:(?!</a>).)*Search again', body(pages, "scan", scan), re.S)
    assert link
    said = pages.get(unescape(link[1])).content.decode()
    assert f'value="{NETWORK}"' in said
    assert 'value="8443 2020"' in said
    assert re.search(r'value="address_scan"[^>]*checked', said)


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
