"""This machine, cloud metadata and addresses of many are never talked to, however spelled."""

import asyncio
import socket
from dataclasses import replace
from ipaddress import ip_network

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from devices.drivers import Address, driver, http, reach
from devices.drivers.errors import DeviceError, ForbiddenAddress, Unreachable
from devices.drivers.networks import own_interfaces
from devices.drivers.reach import Reach
from tests.devices.drivers.made_up import server

STRICT = Reach()
FLEET = Reach((ip_network("127.0.0.0/8"),), frozenset({8000}))


@pytest.fixture
def strictly(monkeypatch):
    monkeypatch.setattr(reach, "_current", STRICT)


@pytest.mark.parametrize(
    ("host", "problem"),
    [
        ("127.0.0.1", "own_address"),
        ("127.200.3.4", "own_address"),
        ("0.0.0.0", "own_address"),
        ("0.1.2.3", "own_address"),
        ("::1", "own_address"),
        ("[::1]", "own_address"),
        ("::", "own_address"),
        ("::ffff:127.0.0.1", "own_address"),
        ("::ffff:0:0", "own_address"),
        ("::127.0.0.1", "own_address"),
        ("64:ff9b::7f00:1", "own_address"),
        ("2002:7f00:1::", "own_address"),
        ("127.1", "own_address"),
        ("2130706433", "own_address"),
        ("0x7f.0.0.1", "own_address"),
        ("0177.0.0.1", "own_address"),
        ("127.0.0.1.", "own_address"),
        ("①②⑦.⓪.⓪.①", "own_address"),
        ("localhost", "own_address"),
        ("LOCALHOST.", "own_address"),
        ("x.localhost", "own_address"),
        ("169.254.169.254", "metadata_address"),
        ("0xa9fea9fe", "metadata_address"),
        ("::ffff:169.254.169.254", "metadata_address"),
        ("64:ff9b::a9fe:a9fe", "metadata_address"),
        ("fd00:ec2::254", "metadata_address"),
        ("fd00:0ec2:0::0254", "metadata_address"),
        ("100.100.100.200", "metadata_address"),
        ("metadata.google.internal", "metadata_address"),
        ("Metadata.Google.Internal.", "metadata_address"),
        ("169.254.3.4", "link_local"),
        ("fe80::1", "link_local"),
        ("fe80::1%eth0", "link_local"),
        ("224.0.0.1", "not_unicast"),
        ("239.255.255.250", "not_unicast"),
        ("255.255.255.255", "not_unicast"),
        ("240.0.0.1", "not_unicast"),
        ("ff02::c", "not_unicast"),
        ("::ffff:224.0.0.1", "not_unicast"),
        ("203.0.113.17", None),
        ("10.255.255.254", None),
        ("2001:db8::17", None),
        ("camera-17.example", None),
        ("localhost.example", None),
    ],
)
def test_an_address_is_in_reach_or_there_is_a_reason(host, problem):
    assert STRICT.problem(host, 80) == problem


def test_an_address_of_an_own_interface_is_out_of_reach():
    own = [str(one.address) for one in own_interfaces()]
    assert own
    assert {STRICT.problem(address, 80) for address in own} == {"own_address"}


def test_a_machine_that_binds_any_address_still_knows_its_own(monkeypatch):
    monkeypatch.setattr(reach, "_can_be_bound", lambda address: True)
    reach._binds_anything.cache_clear()
    try:
        assert STRICT.problem("203.0.113.17", 80) is None
        assert reach._is_ours(reach.ip_address("127.0.0.1"))
    finally:
        reach._binds_anything.cache_clear()


def test_devices_on_this_machine_are_in_reach_where_that_is_allowed():
    assert FLEET.problem("127.0.0.1", 80) is None
    assert FLEET.problem("::ffff:127.0.0.1", 80) is None
    assert FLEET.problem("localhost", 80) is None
    assert FLEET.problem("::1", 80) == "own_address"
    assert FLEET.problem("0.0.0.0", 80) == "own_address"


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.1.2.3", "::ffff:7f00:1", "localhost", "LOCALHOST.", "x.localhost"]
)
def test_rekeys_own_ports_stay_out_of_reach(host):
    assert FLEET.problem(host, 8000) == "own_port"


def test_rekeys_own_name_is_no_device_at_its_own_ports():
    """Behind a proxy it may lead to another machine."""
    behind = Reach(own_ports=frozenset({443}), own_names=frozenset({"rekey.example.com"}))
    assert behind.problem("Rekey.Example.com.", 443) == "own_port"
    assert behind.problem("rekey.example.com", 8443) is None
    assert behind.problem("gate.example.com", 443) is None


def test_no_network_that_is_allowed_holds_metadata_or_many():
    everything = Reach((ip_network("0.0.0.0/0"), ip_network("::/0")))
    assert everything.problem("169.254.169.254", 80) == "metadata_address"
    assert everything.problem("169.254.1.1", 80) == "link_local"
    assert everything.problem("224.0.0.1", 80) == "not_unicast"


@given(st.text(max_size=40), st.integers(0, 65535))
def test_any_text_is_judged(host, port):
    assert FLEET.problem(host, port) in (
        None, "own_address", "own_port", "metadata_address", "link_local", "not_unicast",
    )  # fmt: skip


def test_a_process_begins_with_the_strictest_reach():
    reach.configure()
    try:
        assert reach.current() == STRICT
    finally:
        reach.configure(["127.0.0.0/8"])
    with pytest.raises(ValueError, match="does not appear"):
        reach.configure(["everywhere"])


# -- enforced where connections are made ----------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "localhost",
        "::ffff:127.0.0.1",
        "①②⑦.0.0.1",
        "x@127.0.0.1",
        "127.0.0.1#",
        "127.0.0.1/",
        "a:b@127.0.0.1",
        "",
        " ",
    ],
)
def test_no_request_gets_to_this_machine(strictly, host):
    async def ask() -> None:
        async with server(lambda *_: web.Response(text="no!")) as seen:
            with pytest.raises((ForbiddenAddress, Unreachable)):
                await http.request(Address(host, seen.address.port), "GET", "/")
            with pytest.raises((ForbiddenAddress, Unreachable)):
                await http.request(
                    Address(host, seen.address.port), "GET", "/", fresh_connection=True
                )
            with pytest.raises((ForbiddenAddress, Unreachable)):
                await http.certificate_of(Address(host, seen.address.port))
            assert not seen.bodies

    asyncio.run(ask())


def test_a_name_counts_as_the_address_that_it_leads_to(monkeypatch):
    monkeypatch.setattr(reach, "_current", Reach((ip_network("127.0.0.1/32"),)))
    leads_to = {"camera.example": ["127.0.0.1"], "evil.example": ["169.254.169.254", "::1"]}

    def family_of(address: str) -> socket.AddressFamily:
        return socket.AF_INET6 if ":" in address else socket.AF_INET

    async def lookup(host, port, **_):
        return [(family_of(one), socket.SOCK_STREAM, 6, "", (one, port)) for one in leads_to[host]]

    async def ask() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
        async with server(lambda *_: web.Response(text="here")) as seen:
            camera = replace(seen.address, host="camera.example")
            assert (await http.request(camera, "GET", "/")).body == b"here"
            assert await reach.address_of(camera.host, camera.port) == "127.0.0.1"
            evil = replace(camera, host="evil.example")
            for asking in (
                http.request(evil, "GET", "/"),
                http.certificate_of(evil),
                reach.address_of(evil.host, evil.port),
            ):
                with pytest.raises(ForbiddenAddress) as caught:
                    await asking
                assert caught.value.reason in ("metadata_address", "own_address")

    asyncio.run(ask())


def test_the_name_of_a_metadata_service_is_not_even_resolved(monkeypatch):
    async def lookup(*_, **__):
        pytest.fail("it was")

    async def ask() -> None:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
        for asking in (
            http.request(Address("Metadata.google.internal.", 80), "GET", "/"),
            reach.address_of("metadata.google.internal", 80),
        ):
            with pytest.raises(ForbiddenAddress) as caught:
                await asking
            assert caught.value.reason == "metadata_address"

    asyncio.run(ask())


def test_the_driver_says_that_an_address_is_forbidden(strictly):
    with pytest.raises(ForbiddenAddress) as caught:
        asyncio.run(driver("onvif", Address("169.254.169.254", 80)).identify())
    assert caught.value.reason == "metadata_address"
    assert not caught.value.maybe_done


@pytest.mark.parametrize("host", ["no-such-name.invalid", "\0", "x" * 300, "a b", "ü" * 70])
def test_a_name_that_leads_nowhere_is_unreachable(host):
    async def ask() -> None:
        for asking in (
            http.request(Address(host, 80), "GET", "/", timeout=5),
            reach.address_of(host, 80),
        ):
            with pytest.raises(Unreachable):
                await asking

    asyncio.run(ask())


@given(
    host=st.text(st.characters(exclude_categories=["Nd", "Nl", "No"]), max_size=30),
    port=st.integers(-1, 70_000),
)
def test_no_host_raises_anything_but_a_typed_error(host, port):
    async def nowhere(*_, **__):
        raise socket.gaierror("nowhere")

    async def ask() -> None:
        asyncio.get_running_loop().getaddrinfo = nowhere
        with pytest.raises(DeviceError):
            await http.request(Address(host, port), "GET", "/", timeout=0.2)

    asyncio.run(ask())
