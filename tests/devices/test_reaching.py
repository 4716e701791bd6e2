"""Rekey talks to devices, and never to itself, to its machine or to a cloud's metadata service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devices.drivers import reach
from devices.lists import imports
from devices.queries import device_for_jobs
from devices.reaching import configure
from devices.state import Kind
from devices.steps.activate_device import ActivateDevice
from devices.steps.add_device import AddDevice
from devices.steps.change_device import ChangeDevice
from devices.steps.check_device import CheckDevice
from devices.steps.replace_device import ReplaceDevice
from devices.virtual import fleet_in_thread
from fleet.errors import Refused
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Command
from fleet.eventstore.store import last_position
from fleet.local import ports
from tests.cast import Cast, add_device, work
from tests.devices.drivers.made_up import camera
from tests.devices.lists.made_up import csv_of
from tests.fleet.eventstore.ground import device

LOOPBACK = ["127.0.0.0/8"]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    kept = reach.current()
    yield
    reach.configure([str(network) for network in kept.allowed], kept.own_ports, kept.own_names)


def problem(host: str, port: int = 80) -> str | None:
    return reach.current().problem(host, port)


# --- from the settings ----------------------------------------------------------------------------


def test_without_a_word_in_the_settings_no_device_is_on_this_machine(settings: Any) -> None:
    settings.REKEY_LOCAL_DEVICES = []
    configure()
    for host in ("127.0.0.1", "127.3.2.1", "localhost", "::1", "0.0.0.0"):
        assert problem(host) == "own_address"
    assert problem("203.0.113.7") is None


def test_where_the_settings_say_so_it_may_be_but_where_rekey_itself_listens(settings: Any) -> None:
    settings.REKEY_LOCAL_DEVICES = LOOPBACK
    configure()
    assert problem("127.0.0.1", ports.FLEET.number) is None, "the virtual fleet"
    for port in (ports.WEB, ports.SMTP, ports.INBOX, ports.CONTROL):
        assert problem("127.0.0.1", port.number) == "own_port", port.what
        assert problem("203.0.113.7", port.number) is None, "a device's own affair"
    assert problem("::1") == "own_address"


def test_the_name_that_people_type_to_come_to_rekey_is_no_device(settings: Any) -> None:
    settings.REKEY_LOCAL_DEVICES = []
    settings.REKEY_URL = "https://rekey.example.com"
    configure()
    assert problem("rekey.example.com", 443) == "own_port"
    assert problem("gate.example.com", 443) is None


POSTGRESQL = "django.db.backends.postgresql"


@pytest.mark.parametrize(
    ("setting", "value", "port"),
    [
        ("REKEY_URL", "https://rekey.example.com", 443),
        ("REKEY_URL", "http://rekey.example.com", 80),
        ("REKEY_URL", "http://rekey.example.com:8123", 8123),
        ("CELERY_BROKER_URL", "redis://127.0.0.1:6390/0", 6390),
        ("CELERY_BROKER_URL", "redis://127.0.0.1/0", 6379),
        ("EMAIL_PORT", 2525, 2525),
        ("DATABASES", {"default": {"ENGINE": POSTGRESQL, "PORT": "5544"}}, 5544),
        ("DATABASES", {"default": {"ENGINE": POSTGRESQL, "PORT": ""}}, 5432),
        ("DATABASES", {"default": {"ENGINE": POSTGRESQL}}, 5432),
    ],
)
def test_what_rekey_needs_beside_itself_is_no_device_either(
    monkeypatch: pytest.MonkeyPatch, settings: Any, setting: str, value: Any, port: int
) -> None:
    settings.REKEY_LOCAL_DEVICES = LOOPBACK
    monkeypatch.setattr(f"django.conf.settings.{setting}", value)
    configure()
    assert problem("127.0.0.1", port) == "own_port"


def test_nothing_allows_a_clouds_metadata_service(settings: Any) -> None:
    settings.REKEY_LOCAL_DEVICES = ["0.0.0.0/0", "::/0"]
    configure()
    for host in ("169.254.169.254", "metadata.google.internal", "fd00:ec2::254"):
        assert problem(host) == "metadata_address"
    assert problem("169.254.1.1") == "link_local"
    assert problem("224.0.0.1") == "not_unicast"


# --- whatever is asked for ------------------------------------------------------------------------

OTHER = "made-up-and-old-1"
WISHES: dict[str, Callable[[Cast, str, int], Command[Any]]] = {
    "added": lambda who, host, port: AddDevice(
        who.site, Kind.CAMERA, "Gate", host, port, "admin", OTHER
    ),
    "activated": lambda who, host, port: ActivateDevice(
        who.site, Kind.CAMERA, "Gate", host, port, "owner@example.com"
    ),
    "changed": lambda who, host, port: ChangeDevice(host=host, port=port),
    "replaced": lambda who, host, port: ReplaceDevice(host, port, "admin", OTHER),
}


@pytest.mark.one_database
@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize(
    ("host", "port", "because"),
    [
        ("127.0.0.1", ports.WEB.default, "own_port"),
        ("127.0.0.1", ports.CONTROL.default, "own_port"),
        ("localhost", ports.WEB.default, "own_port"),
        ("::1", 80, "own_address"),
        ("0.0.0.0", 80, "own_address"),
        ("169.254.169.254", 80, "metadata_address"),
        ("metadata.google.internal", 80, "metadata_address"),
        ("169.254.1.1", 80, "link_local"),
        ("239.255.255.250", 3702, "not_unicast"),
    ],
)
def test_what_is_no_device_never_becomes_one(
    settings: Any, who: Cast, wish: str, host: str, port: int, because: str
) -> None:
    settings.REKEY_LOCAL_DEVICES = LOOPBACK
    configure()
    command = WISHES[wish](who, host, port)
    stream = new_id() if command.creates else device(who)
    before = last_position()
    with pytest.raises(Refused) as no:
        handle(command, stream, who.by(who.alice))
    assert (no.value.code, no.value.field) == ("host_forbidden", "host")
    assert no.value.facts["because"] == because
    assert last_position() == before


@pytest.mark.one_database
@pytest.mark.parametrize("space", [" ", "\t", "\x0b", "\x0c", "\x1c", "\x85", "\u2003"])
def test_no_space_around_an_address_hides_what_it_is(settings: Any, who: Cast, space: str) -> None:
    settings.REKEY_LOCAL_DEVICES = []
    configure()
    one = device(who)
    for host in ("169.254.169.254", "127.0.0.1"):
        with pytest.raises(Refused) as no:
            handle(ChangeDevice(host=f"{space}{host}{space}"), one, who.by(who.alice))
        assert no.value.code == "host_forbidden"


@pytest.mark.one_database
def test_no_list_brings_rekey_itself(settings: Any, who: Cast) -> None:
    settings.REKEY_LOCAL_DEVICES = LOOPBACK
    configure()
    port = str(ports.WEB.default)
    hosts = ("127.0.0.1", "localhost")
    rows = [(f"Gate {number}", host, port, OTHER) for number, host in enumerate(hosts)]
    data = csv_of(("Name", "Address", "Port", "Password"), *rows)
    checked = imports.check(who.site, "list.csv", data, who.by(who.alice))
    problems = [line.problem for line in imports.dry_run(checked).lines]
    assert [one and (one.column, one.code) for one in problems] == [
        ("Address", "host_forbidden")
    ] * 2


# --- what was a device and is one no more ---------------------------------------------------------


@pytest.mark.one_database
def test_a_worker_talks_to_nothing_that_has_come_out_of_reach(settings: Any, who: Cast) -> None:
    """Such as a device that was added when the settings were others."""
    spec = camera()
    with fleet_in_thread([spec]) as running:
        one = add_device(who, running, spec)
        settings.REKEY_LOCAL_DEVICES = []
        configure()
        calls = dict(running.calls(spec.serial))
        work()
        assert device_for_jobs(one).trouble == "forbidden_address"
        handle(CheckDevice(), one, who.by(who.tess))
        work()
        assert dict(running.calls(spec.serial)) == calls, "not one request was sent"


@pytest.mark.one_database
def test_a_name_that_leads_to_this_machine_is_followed_no_further(
    settings: Any, who: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a name means is found out when a connection is made, and may be another each time."""
    spec = camera()
    with fleet_in_thread([spec]) as running:
        _, port = running.address(spec.serial)
        looked_up: list[str] = []

        async def leads_here(self: Any, host: str, *rest: Any, **more: Any) -> list[Any]:
            looked_up.append(host)
            return [(2, 1, 6, "", ("127.0.0.1", port))]

        settings.REKEY_LOCAL_DEVICES = []
        configure()
        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", leads_here)
        one = new_id()
        ask = AddDevice(who.site, Kind.CAMERA, "Gate", "gate.example.com", port, "admin", OTHER)
        handle(ask, one, who.by(who.alice))
        work()
        assert set(looked_up) == {"gate.example.com"}
        assert device_for_jobs(one).trouble == "forbidden_address"
        assert running.calls(spec.serial) == {"failed_logins": 0}
