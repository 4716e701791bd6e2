"""From a searched network to devices of the fleet, through the API alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest

from devices.discovery import searches
from devices.virtual import DeviceSpec, ThreadedFleet, fleet_in_thread, uniform_scenario
from fleet.accounts.state import Role
from fleet.eventstore.store import last_position
from tests.api.client import Api, api_of
from tests.cast import Cast, person, work
from tests.devices.drivers.made_up import password

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]
NETWORK = "127.0.0.0/29"
MAILBOX = "owner@example.com"


@pytest.fixture
def same() -> str:
    return password()


@pytest.fixture
def specs(same: str) -> list[DeviceSpec]:
    """Two with one password, as whoever installed them left them, and one from the factory."""
    first, second, third = uniform_scenario(11, 3, 0)
    return [
        replace(first, password=same),
        replace(second, password=same),
        replace(third, fresh=True),
    ]


@pytest.fixture
def fleet(
    specs: list[DeviceSpec], settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ThreadedFleet]:
    monkeypatch.setattr(searches, "PROBE_SECONDS", 0.8)
    with fleet_in_thread(specs, discovery_port=0) as running:
        settings.REKEY_DISCOVERY_PORT = running.discovery_port
        yield running


@pytest.fixture
def site(who: Cast, alice: Api) -> str:
    answer = alice.post(f"sites/{who.site}/networks/", {"networks": NETWORK})
    assert (answer.status_code, answer.json()["networks"]) == (200, [NETWORK])
    return str(who.site)


def searched(api: Api, site: str, **how: Any) -> dict[str, Any]:
    begun = api.post("scans/", {"site": site, "network": NETWORK, **how})
    assert begun.status_code == 201, begun.content
    assert begun.json()["status"] == "running"
    work()
    shown: dict[str, Any] = api.get(begun["Location"]).json()
    return shown


def done(answer: Any, status: int = 200) -> Any:
    assert answer.status_code == status, answer.content
    return answer.json()


def test_a_network_is_searched_and_taken_in_moved_and_left_again(
    who: Cast, alice: Api, site: str, fleet: ThreadedFleet, specs: list[DeviceSpec], same: str
) -> None:
    scan = searched(alice, site)
    assert (scan["status"], scan["found"], scan["new"], scan["why"]) == ("finished", 3, 3, "")
    assert scan["done"] == scan["total"] > 0
    assert [row["id"] for row in alice.all("scans/", site=site, status="finished")] == [scan["id"]]
    rows = alice.all("discovered/", site=site, standing="new")
    assert len(rows) == 3 and {row["site_name"] for row in rows} == {"Harbour"}
    ids = {(row["host"], row["port"]): row["id"] for row in rows}
    first, second, third = (ids[fleet.address(spec.serial)] for spec in specs)
    assert [row["id"] for row in alice.all("discovered/", fresh="true")] == [third]

    # Add, with one password for both; Set Password, for the fresh one.
    asked = {"discovered": [first, second], "password": same, "reset_email": MAILBOX}
    added = done(alice.post("discovered/add/", asked), 201)["devices"]
    asked = {"discovered": [third], "reset_email": MAILBOX}
    [activated] = done(alice.post("discovered/activate/", asked), 201)["devices"]
    work()
    for device in (*added, activated):
        row = done(alice.get(f"devices/{device}/"))
        assert (row["certified"], row["managed"], row["fresh"]) == (True, True, False), row
    assert {row["standing"] for row in alice.all("discovered/")} == {"added"}
    assert {row["device"] for row in alice.all("discovered/")} == {*added, activated}

    # Another name, and an address that it has moved to since.
    [gate] = [row for row in alice.all("discovered/") if row["id"] == first]
    device = gate["device"]
    changed = done(alice.post(f"devices/{device}/change-device/", {"name": "Gate", "port": 9}))
    assert (changed["name"], changed["port"]) == ("Gate", 9)
    assert done(alice.get(f"discovered/{first}/"))["standing"] == "moved"
    assert done(alice.post(f"discovered/{first}/follow/"))["standing"] == "added"
    assert done(alice.get(f"devices/{device}/"))["port"] == gate["port"]
    assert alice.post(f"discovered/{first}/follow/").json()["code"] == "not_moved"

    # To another site, and out of the fleet.
    museum = done(alice.post("sites/", {"name": "Museum"}), 201)["id"]
    moved = done(alice.post(f"devices/{device}/move-device/", {"site": museum}))
    assert (moved["site"], moved["site_name"]) == (museum, "Museum")
    rest = [one for one in (*added, activated) if one != device]
    asked = {"devices": rest, "site": museum}
    assert done(alice.post("devices/move/", asked)) == {"devices": 2}
    assert done(alice.post("devices/check/", {"devices": rest}), 202) == {"devices": 2}
    work()
    assert {row["certified"] for row in alice.all("devices/", site=museum)} == {True}
    removed = done(alice.post(f"devices/{device}/remove-device/", {"reason": "Sold"}))
    assert removed["removed"] is True
    asked = {"devices": rest, "reason": "Sold too"}
    assert done(alice.post("devices/remove/", asked)) == {"devices": 2}
    assert alice.all("devices/") == []
    told = [event["sentence"] for event in alice.all("events/", device=device)]
    assert told[0] == "Alice (tests) removed Gate from the fleet."
    shown = done(alice.post(f"devices/{device}/reveal/", {"reason": "It still hangs there"}))
    assert fleet.opens(specs[0].serial, "admin", shown["password"])
    assert same not in str(alice.all("events/"))


def test_what_is_ignored_stands_apart_until_it_is_heeded(
    alice: Api, site: str, fleet: ThreadedFleet
) -> None:
    searched(alice, site)
    one = alice.all("discovered/")[0]["id"]
    assert done(alice.post(f"discovered/{one}/ignore-discovered/"))["standing"] == "ignored"
    assert len(alice.all("discovered/", standing="new")) == 2
    assert done(alice.post(f"discovered/{one}/heed-discovered/"))["standing"] == "new"


def test_a_scan_that_is_repeated_is_stopped(alice: Api, site: str, fleet: ThreadedFleet) -> None:
    scan = searched(alice, site, repeat="daily")
    assert scan["next_at"]
    stopped = done(alice.post(f"scans/{scan['id']}/stop-scan/"))
    assert (stopped["status"], stopped["repeat"], stopped["next_at"]) == ("stopped", "never", None)


# --- what is refused ------------------------------------------------------------------------------

SCANS = [
    ({"network": "10.0.0.0/24"}, "network_refused", "network"),
    ({"network": "127.0.0.0/8"}, "network_refused", "network"),
    ({"network": "0.0.0.0/0"}, "network_refused", "network"),
    ({"network": "224.0.0.0/29"}, "network_refused", "network"),
    ({"network": "the yard"}, "network_refused", "network"),
    ({"network": ""}, "network_refused", "network"),
    ({"method": "address_scan", "ports": "0"}, "ports_wrong", "ports"),
    ({"method": "address_scan", "ports": "1-65535"}, "ports_wrong", "ports"),
    ({"method": "address_scan", "ports": "http"}, "ports_wrong", "ports"),
]


@pytest.mark.parametrize(("asked", "code", "field"), SCANS)
def test_nothing_is_searched_but_what_is_the_sites(
    alice: Api, site: str, asked: dict[str, Any], code: str, field: str
) -> None:
    before = last_position()
    answer = alice.post("scans/", {"site": site, "network": NETWORK} | asked)
    problem = done(answer, 422)
    assert (problem["code"], problem["errors"][0]["field"]) == (code, field)
    assert problem["detail"]
    assert last_position() == before
    assert alice.all("scans/") == []


def test_a_site_without_networks_is_not_searched(who: Cast, alice: Api) -> None:
    answer = alice.post("scans/", {"site": str(who.site), "network": NETWORK})
    assert done(answer, 422)["code"] == "site_without_networks"


@pytest.mark.parametrize("networks", ["the yard", "192.168.10.7/24", "0.0.0.0/0", "224.0.0.0/4"])
def test_what_is_no_network_of_a_site(who: Cast, alice: Api, networks: str) -> None:
    answer = alice.post(f"sites/{who.site}/networks/", {"networks": f"10.0.0.0/24 {networks}"})
    problem = done(answer, 422)
    assert (problem["code"], problem["errors"][0]["field"]) == ("network_wrong", "networks")
    assert alice.get(f"sites/{who.site}/").json()["networks"] == []


def test_of_many_all_are_added_or_none(
    alice: Api, site: str, fleet: ThreadedFleet, specs: list[DeviceSpec], same: str
) -> None:
    searched(alice, site)
    rows = {(row["host"], row["port"]): row["id"] for row in alice.all("discovered/")}
    first, second, third = (rows[fleet.address(spec.serial)] for spec in specs)
    add = {"password": same, "reset_email": MAILBOX}
    before = last_position()
    for call, asked, status, code in (
        ("add", add | {"discovered": [first, str(uuid4())]}, 404, "not_found"),
        ("add", add | {"discovered": []}, 400, "invalid"),
        ("add", add | {"discovered": [first], "password": ""}, 422, "password_missing"),
        ("add", add | {"discovered": [first], "reset_email": "owner"}, 422, "mailbox_malformed"),
        ("add", add | {"discovered": [first], "username": " "}, 422, "username_missing"),
        ("activate", {"discovered": [second, third], "reset_email": MAILBOX}, 422, "not_fresh"),
        ("activate", {"discovered": [third], "reset_email": ""}, 422, "email_missing"),
    ):
        problem = done(alice.post(f"discovered/{call}/", asked), status)
        assert problem["code"] == code
    assert last_position() == before
    done(alice.post("discovered/add/", add | {"discovered": [first]}), 201)
    problem = done(alice.post("discovered/add/", add | {"discovered": [first, second]}), 409)
    assert problem["code"] == "added_already"
    assert len(alice.all("devices/")) == 1


# --- who may --------------------------------------------------------------------------------------


def test_bob_looks_and_does_nothing_and_charlie_does_not_even_look(
    who: Cast, alice: Api, site: str, fleet: ThreadedFleet, same: str
) -> None:
    scan = searched(alice, site)["id"]
    one = alice.all("discovered/")[0]["id"]
    bob, charlie = api_of(who.bob), api_of(who.charlie)
    tom = api_of(person("Tom", who.organisation, Role.TECHNICIAN, who.site))
    assert len(bob.all("discovered/")) == 3 and len(bob.all("scans/")) == 1
    for address in ("discovered/", "scans/"):
        assert charlie.all(address) == []
    before = last_position()
    for address, body in (
        ("scans/", {"site": site, "network": NETWORK}),
        (f"sites/{site}/networks/", {"networks": ""}),
        (f"scans/{scan}/stop-scan/", None),
        ("discovered/add/", {"discovered": [one], "password": same}),
        ("discovered/activate/", {"discovered": [one], "reset_email": MAILBOX}),
        (f"discovered/{one}/follow/", None),
        (f"discovered/{one}/ignore-discovered/", None),
        (f"discovered/{one}/heed-discovered/", None),
    ):
        for somebody in (bob, tom):
            assert done(somebody.post(address, body), 403)["code"] == "role_too_low", address
        assert done(charlie.post(address, body), 404)["code"] == "not_found", address
    for address in (f"scans/{scan}/", f"discovered/{one}/"):
        assert bob.get(address).status_code == 200
        assert charlie.get(address).status_code == 404
    assert last_position() == before
