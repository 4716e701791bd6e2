"""Bad input to the calls for devices: refused with a field and a reason, and nothing half done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest

from devices.drivers import reach
from devices.state import Kind
from devices.steps.certificates import PinCertificate, RecordCertificateChange
from devices.steps.check_device import RecordCheck
from devices.steps.open_site import OpenSite
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.store import last_position
from resets.steps.cancel_reset import CancelReset
from tests.api.client import Api, api_of
from tests.cast import SETUP, Cast
from tests.fleet.eventstore.ground import device, every_row, reset

pytestmark = pytest.mark.django_db

OWN_PORT = 8000
SERIAL, MAC = "A-0001", "00:FF:00:00:00:01"


@pytest.fixture
def nvr(who: Cast) -> UUID:
    return device(who, kind=Kind.NVR, name="Harbour NVR")


@pytest.fixture
def gate(who: Cast, nvr: UUID) -> UUID:
    """A camera of the fleet that others may get in the way of."""
    taken: dict[str, Any] = {"nvr": nvr, "channel": 1, "serial": SERIAL, "mac": MAC, "port": 81}
    return device(who, **taken)


@pytest.fixture
def quay(who: Cast, gate: UUID) -> UUID:
    return device(who, name="Quay")


@pytest.fixture
def elsewhere(who: Cast) -> UUID:
    site = new_id()
    handle(OpenSite(who.organisation, "Museum", "UTC"), site, SETUP)
    return device(who, site=site, kind=Kind.NVR)


@pytest.fixture(params=["strict", "local"])
def within_reach(request: pytest.FixtureRequest) -> Iterator[str]:
    """As Rekey is run, and as it is run with devices on its own machine."""
    kept = reach.current()
    reach.configure(["127.0.0.0/8"] if request.param == "local" else [], [OWN_PORT])
    yield request.param
    reach.configure([str(network) for network in kept.allowed], kept.own_ports)


def refused(answer: Any, status: int, code: str, field: str | None = None) -> dict[str, Any]:
    problem: dict[str, Any] = answer.json()
    assert (answer.status_code, problem["code"]) == (status, code), problem
    assert problem["detail"]
    if field is not None:
        assert [error["field"] for error in problem.get("errors", [])] == [field], problem
    return problem


def body(who: Cast, **more: Any) -> dict[str, Any]:
    told = {
        "site": str(who.site),
        "kind": "camera",
        "name": "Another",
        "host": "203.0.113.77",
        "port": 80,
        "reset_email": "owner@example.com",
    }
    return told | more


# Wrong in whatever way a device comes to the fleet, or to another address.
ADDRESSES = [
    ({"host": ""}, "host_wrong", "host"),
    ({"host": "http://203.0.113.7/"}, "host_wrong", "host"),
    ({"host": "203.0.113.7:80"}, "host_wrong", "host"),
    ({"host": "203.0.113.0/24"}, "host_wrong", "host"),
    ({"host": "gate north"}, "host_wrong", "host"),
    ({"host": "gate\r\nX: y"}, "host_wrong", "host"),
    ({"host": "gate%eth0"}, "host_wrong", "host"),
    ({"port": 0}, "port_wrong", "port"),
    ({"port": -1}, "port_wrong", "port"),
    ({"port": 65536}, "port_wrong", "port"),
    ({"path": ""}, "path_wrong", "path"),
    ({"path": "onvif/device_service"}, "path_wrong", "path"),
    ({"path": "/a b"}, "path_wrong", "path"),
    ({"path": "/a\r\nX: y"}, "path_wrong", "path"),
    ({"host": "169.254.169.254"}, "host_forbidden", "host"),
    ({"host": "metadata.google.internal"}, "host_forbidden", "host"),
    ({"host": "Metadata.Google.Internal."}, "host_forbidden", "host"),
    ({"host": "::ffff:169.254.169.254"}, "host_forbidden", "host"),
    ({"host": "169.254.7.7"}, "host_forbidden", "host"),
    ({"host": "fe80::1%eth0"}, "host_forbidden", "host"),
    ({"host": "224.0.0.1"}, "host_forbidden", "host"),
    ({"host": "255.255.255.255"}, "host_forbidden", "host"),
    ({"host": "127.0.0.1", "port": OWN_PORT}, "host_forbidden", "host"),
    ({"host": "127.99.0.1", "port": OWN_PORT}, "host_forbidden", "host"),
    ({"host": "localhost", "port": OWN_PORT}, "host_forbidden", "host"),
    ({"host": "::1"}, "host_forbidden", "host"),
    ({"host": "0.0.0.0"}, "host_forbidden", "host"),
]
SERVICES = [
    ({"services": "telnet:23"}, "services_wrong", "services"),
    ({"services": "rtsp:0"}, "services_wrong", "services"),
    ({"services": "rtsp:554 rtsp:8554"}, "services_wrong", "services"),
]
OTHERS = [
    ({"name": " "}, "name_missing", "name"),
    ({"name": "Gate\nnorth"}, "name_unprintable", "name"),
    ({"username": " "}, "username_missing", "username"),
    ({"reset_email": "owner"}, "mailbox_malformed", "reset_email"),
    ({"mac": "00:FF"}, "mac_wrong", "mac"),
    ({"channel": 1}, "channel_wrong", "channel"),
    ({"channel": 0, "nvr": "nvr"}, "channel_wrong", "channel"),
    ({"channel": 1, "nvr": "nvr", "kind": "nvr"}, "nvr_on_nvr", "nvr"),
    ({"channel": 2, "nvr": "quay"}, "nvr_wrong", "nvr"),
    ({"channel": 2, "nvr": "elsewhere"}, "nvr_wrong", "nvr"),
]


@pytest.fixture
def world(who: Cast, nvr: UUID, gate: UUID, quay: UUID, elsewhere: UUID) -> dict[str, str]:
    return {"nvr": str(nvr), "gate": str(gate), "quay": str(quay), "elsewhere": str(elsewhere)}


def named(asked: dict[str, Any], world: dict[str, str]) -> dict[str, Any]:
    return {k: world.get(v, v) if k == "nvr" else v for k, v in asked.items()}


def everything() -> list[Any]:
    return [every_row(table) for table in ("event", "device", "credential", "vault")]


def test_a_wrong_address_is_refused_wherever_one_is_given(
    who: Cast, alice: Api, world: dict[str, str], within_reach: str
) -> None:
    before = everything()
    new = {"username": "admin", "password": "correct-horse-2"}
    calls = {
        "devices/": body(who, **new),
        "devices/activate/": body(who),
        f"devices/{world['quay']}/change-device/": {},
        f"devices/{world['quay']}/replace-device/": {"host": "203.0.113.77", "port": 80} | new,
    }
    for address, told in calls.items():
        for asked, code, field in ADDRESSES:
            answer = alice.post(address, told | asked)
            refused(answer, 422, code, field)
    assert everything() == before


def test_this_very_machine_is_no_device_unless_the_settings_say_so(
    who: Cast, alice: Api, within_reach: str
) -> None:
    told = body(who, username="admin", password="correct-horse-2")
    for number, host in enumerate(("127.0.0.1", "127.0.0.9", "localhost")):
        answer = alice.post("devices/", told | {"host": host, "port": 9000 + number})
        if within_reach == "local":
            assert answer.status_code == 201, answer.content
        else:
            assert refused(answer, 422, "host_forbidden", "host")["because"] == "own_address"


@pytest.mark.parametrize(("asked", "code", "field"), SERVICES + OTHERS)
def test_what_cannot_be_added_is_refused_beside_its_field(
    who: Cast,
    alice: Api,
    world: dict[str, str],
    asked: dict[str, Any],
    code: str,
    field: str,
) -> None:
    before = everything()
    told = body(who, **named(asked, world))
    known = {"username": "admin", "password": "correct-horse-2"}
    refused(alice.post("devices/", known | told), 422, code, field)
    refused(alice.post("devices/activate/", told), 422, code, field)
    assert everything() == before


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        ({"serial": SERIAL}, "serial_taken", "serial"),
        ({"serial": f" {SERIAL} "}, "serial_taken", "serial"),
        ({"mac": "00-ff-00-00-00-01"}, "mac_taken", "mac"),
        ({"host": "203.0.113.7", "port": 81}, "address_taken", None),
        ({"nvr": "nvr", "channel": 1}, "channel_taken", "channel"),
    ],
)
def test_what_another_device_has_is_refused(
    who: Cast,
    alice: Api,
    world: dict[str, str],
    asked: dict[str, Any],
    code: str,
    field: str | None,
) -> None:
    before = everything()
    told = body(who, **named(asked, world))
    known = {"username": "admin", "password": "correct-horse-2"}
    refused(alice.post("devices/", known | told), 409, code, field)
    refused(alice.post("devices/activate/", told), 409, code, field)
    assert everything() == before


def test_what_somebody_elses_device_has_is_no_business_of_theirs(
    who: Cast, world: dict[str, str]
) -> None:
    """Charlie may have a camera of the same number; he is told of none of ours."""
    charlie = api_of(who.charlie)
    [island] = charlie.all("sites/")
    asked = body(who, site=island["id"], serial=SERIAL, mac=MAC, host="203.0.113.7", port=81)
    answer = charlie.post("devices/", asked | {"username": "admin", "password": "correct-horse-2"})
    assert answer.status_code == 201, answer.content
    on_ours = asked | {"nvr": world["nvr"], "channel": 2, "port": 82, "serial": "", "mac": ""}
    answer = charlie.post("devices/activate/", on_ours)
    refused(answer, 404, "not_found")


# --- what is done with a device -------------------------------------------------------------------


def accept(two: str, reason: str) -> dict[str, str]:
    return {"certificate": two * 32, "reason": reason}


def deed(api: Api, one: str, slug: str, **asked: Any) -> Any:
    return api.post(f"devices/{one}/{slug}/", asked)


def test_a_camera_is_put_on_a_free_channel_of_an_nvr_of_its_site(
    alice: Api, world: dict[str, str]
) -> None:
    before = everything()
    for asked, status, code, field in (
        ({"nvr": "nvr", "channel": 1}, 409, "channel_taken", "channel"),
        ({"nvr": "nvr"}, 422, "channel_wrong", "channel"),
        ({"nvr": "nvr", "channel": 257}, 422, "channel_wrong", "channel"),
        ({"nvr": "gate", "channel": 2}, 422, "nvr_wrong", "nvr"),
        ({"nvr": "elsewhere", "channel": 2}, 422, "nvr_wrong", "nvr"),
        ({"nvr": str(uuid4()), "channel": 2}, 404, "not_found", None),
        ({"nvr": "the first", "channel": 2}, 400, "invalid", "nvr"),
        ({"nvr": "nvr", "channel": "2"}, 400, "invalid", "channel"),
    ):
        answer = deed(alice, world["quay"], "place-on-channel", **named(asked, world))
        refused(answer, status, code, field)
    assert everything() == before
    answer = deed(alice, world["quay"], "place-on-channel", nvr=world["nvr"], channel=2)
    assert (answer.json()["nvr_name"], answer.json()["channel"]) == ("Harbour NVR", 2)
    answer = deed(alice, world["quay"], "place-on-channel")
    assert (answer.json()["nvr"], answer.json()["channel"]) == (None, None)


def test_a_device_that_is_being_reset_is_left_where_it_is(
    who: Cast, alice: Api, world: dict[str, str]
) -> None:
    one = world["quay"]
    under_way = reset(who, UUID(one))
    museum = alice.all("sites/", limit=500)
    [museum] = [site["id"] for site in museum if site["name"] == "Museum"]
    new = {"host": "203.0.113.77", "port": 80, "username": "admin", "password": "correct-horse-2"}
    before = last_position()
    for slug, asked in (
        ("move-device", {"site": museum}),
        ("replace-device", new),
        ("remove-device", {"reason": "Sold"}),
    ):
        refused(deed(alice, one, slug, **asked), 422, "device_busy")
    for address, asked in (
        ("devices/move/", {"devices": [world["gate"], one], "site": museum}),
        ("devices/remove/", {"devices": [world["gate"], one], "reason": "Sold"}),
    ):
        refused(alice.post(address, asked), 422, "device_busy")
    assert last_position() == before
    handle(CancelReset(), under_way, who.by(who.tess))
    assert deed(alice, one, "remove-device", reason="Sold").json()["removed"] is True


def test_an_nvr_goes_with_its_cameras_and_not_before_them(
    alice: Api, world: dict[str, str]
) -> None:
    refused(deed(alice, world["nvr"], "remove-device", reason="Sold"), 422, "nvr_has_cameras")
    asked = {"devices": [world["nvr"], world["gate"], world["gate"]], "reason": "Sold"}
    assert alice.post("devices/remove/", asked).json() == {"devices": 2}
    assert [row["id"] for row in alice.all("devices/", kind="camera")] == [world["quay"]]


@pytest.mark.parametrize(
    ("slug", "asked", "status", "code"),
    [
        ("remove-device", {"reason": " "}, 422, "reason_missing"),
        ("remove-device", {}, 400, "invalid"),
        ("change-device", {"name": " "}, 422, "name_missing"),
        ("change-device", {"name": "Gate\x1b[2J"}, 422, "name_unprintable"),
        ("change-device", {"services": "telnet:23"}, 422, "services_wrong"),
        ("change-device", {"password": "correct-horse-2"}, 400, "invalid"),
        ("change-device", {"host": "203.0.113.7", "port": 81}, 409, "address_taken"),
        ("move-device", {"site": str(uuid4())}, 404, "not_found"),
        ("move-device", {"site": "the yard"}, 400, "invalid"),
        ("move-device", {"site": str(uuid4()), "with_nvr": True}, 400, "invalid"),
        ("accept-certificate", accept("ab", "Updated"), 422, "not_that_certificate"),
        ("accept-certificate", accept("cd", " "), 422, "reason_missing"),
        ("try-history", None, 422, "certified_already"),
    ],
)
def test_what_cannot_be_done_with_a_device_is_refused_and_changes_nothing(
    alice: Api,
    world: dict[str, str],
    slug: str,
    asked: dict[str, Any] | None,
    status: int,
    code: str,
) -> None:
    one = UUID(world["quay"])
    for command in (
        PinCertificate(443, "ef" * 32),
        RecordCertificateChange(443, "cd" * 32),
        RecordCheck(opened=True),
    ):
        handle(command, one, SETUP)
    before = everything()
    answer = alice.post(f"devices/{one}/{slug}/", asked)
    refused(answer, status, code)
    assert everything() == before


def test_a_new_certificate_is_accepted_as_the_device_shows_it(
    alice: Api, world: dict[str, str]
) -> None:
    one = UUID(world["quay"])
    handle(PinCertificate(443, "ef" * 32), one, SETUP)
    handle(RecordCertificateChange(443, "cd" * 32), one, SETUP)
    shown = alice.get(f"devices/{one}/").json()
    assert shown["pins"] == [{"port": 443, "certificate": "ef" * 32}]
    [strange] = shown["strange"]
    asked = {"certificate": strange["certificate"], "reason": "The firmware was updated"}
    answer = alice.post(f"devices/{one}/accept-certificate/", asked)
    assert answer.json()["pins"] == [{"port": 443, "certificate": "cd" * 32}]
    assert answer.json()["strange"] == []


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("devices/check/", {}),
        ("devices/move/", {"site": "site"}),
        ("devices/remove/", {"reason": "Sold"}),
    ],
)
def test_many_at_once_are_so_many_and_all_of_them_there(
    who: Cast, alice: Api, world: dict[str, str], address: str, asked: dict[str, Any]
) -> None:
    asked = {name: str(who.site) if value == "site" else value for name, value in asked.items()}
    before = everything()
    for devices, status, code in (
        ([], 400, "invalid"),
        (["the first"], 400, "invalid"),
        ([str(uuid4()) for _ in range(1001)], 400, "invalid"),
        ([world["quay"], str(uuid4())], 404, "not_found"),
    ):
        refused(alice.post(address, asked | {"devices": devices}), status, code)
    assert everything() == before


def test_bob_does_nothing_and_charlie_finds_nothing(who: Cast, world: dict[str, str]) -> None:
    new = {"host": "203.0.113.77", "port": 80, "username": "admin", "password": "correct-horse-2"}
    one = f"devices/{world['quay']}/"
    calls: list[tuple[str, Any]] = [
        ("devices/", body(who, **new)),
        ("devices/activate/", body(who)),
        ("devices/check/", {"devices": [world["quay"]]}),
        ("devices/move/", {"devices": [world["quay"]], "site": str(who.site)}),
        ("devices/remove/", {"devices": [world["quay"]], "reason": "Sold"}),
        (f"{one}check/", None),
        (f"{one}change-device/", {"name": "Mine"}),
        (f"{one}place-on-channel/", {"nvr": world["nvr"], "channel": 2}),
        (f"{one}move-device/", {"site": str(who.site)}),
        (f"{one}replace-device/", new),
        (f"{one}try-history/", None),
        (f"{one}accept-certificate/", {"certificate": "ab" * 32, "reason": "x"}),
        (f"{one}remove-device/", {"reason": "Sold"}),
        (f"{one}reveal/", {"reason": "Curious"}),
    ]
    bob, charlie = api_of(who.bob), api_of(who.charlie)
    before = everything()
    for address, asked in calls:
        if "reveal" not in address:  # no password is known yet, so there is none to show
            refused(bob.post(address, asked), 403, "role_too_low")
        refused(charlie.post(address, asked), 404, "not_found")
    assert everything()[1:] == before[1:]
