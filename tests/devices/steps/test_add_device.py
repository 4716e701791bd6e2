from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from devices.state import Kind
from devices.steps.add_device import AddDevice, is_host
from fleet.eventstore.testing import STREAM, given
from tests.devices.steps.story import ADDED, FIRST, NVR, PLACED, SITE

ADD = AddDevice(
    site=SITE,
    kind=Kind.CAMERA,
    name=" Gate north ",
    host="203.0.113.7",
    port=80,
    username=" admin ",
    password="made-up-and-old-1",
    reset_email="owner@example.com",
)
KNOWN = given().knowing(PLACED)


def test_a_device_is_added_where_it_stands_with_its_password_in_the_vault() -> None:
    state = KNOWN.when(ADD).then(ADDED)
    assert (state.site, state.subject, state.certified) == (SITE, STREAM, None)
    assert ADDED.secret == FIRST
    assert "made-up" not in repr(ADD)


def test_a_camera_may_be_on_a_channel_of_an_nvr() -> None:
    KNOWN.when(replace(ADD, nvr=NVR, channel=1)).then(replace(ADDED, nvr=NVR, channel=1))


def test_a_device_may_have_no_mailbox_yet() -> None:
    KNOWN.when(replace(ADD, reset_email="")).then(replace(ADDED, reset_email=""))


REFUSED = [
    ("name_missing", "name", {"name": "  "}),
    ("host_wrong", "host", {"host": ""}),
    ("host_wrong", "host", {"host": "http://203.0.113.7"}),
    ("port_wrong", "port", {"port": 0}),
    ("port_wrong", "port", {"port": -80}),
    ("port_wrong", "port", {"port": 65_536}),
    ("username_missing", "username", {"username": " "}),
    ("password_missing", "password", {"password": ""}),
    ("email_wrong", "reset_email", {"reset_email": "owner"}),
    ("email_wrong", "reset_email", {"reset_email": "owner@"}),
    ("email_wrong", "reset_email", {"reset_email": "a@example.com, b@example.com"}),
    ("email_wrong", "reset_email", {"reset_email": "a@example.com\r\nBcc: b@example.com"}),
    ("email_wrong", "reset_email", {"reset_email": "Owner <owner@example.com>"}),
    ("channel_wrong", "channel", {"nvr": NVR}),
    ("channel_wrong", "channel", {"channel": 3}),
    ("channel_wrong", "channel", {"nvr": NVR, "channel": 0}),
    ("channel_wrong", "channel", {"nvr": NVR, "channel": 100_000}),
    ("nvr_on_nvr", "nvr", {"kind": Kind.NVR, "nvr": NVR, "channel": 1}),
]


@pytest.mark.parametrize(("code", "field", "fields"), REFUSED)
def test_what_cannot_be_is_refused_beside_its_field(code: str, field: str, fields: dict) -> None:
    assert KNOWN.when(replace(ADD, **fields)).refused(code).field == field


@pytest.mark.parametrize(
    "host",
    [
        "203.0.113.7",
        "2001:db8::7",
        "::1",
        "camera",
        "gate-north.example.com",
        "gate.example.",
        "x" * 63,
    ],
)
def test_an_address_or_a_host_name_is_a_host(host: str) -> None:
    assert is_host(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        " ",
        "192.0.2",
        "203.0.113.256",
        "1234",
        "http://gate",
        "gate/path",
        "gate:80",
        "[::1]",
        "user@gate",
        "gate\n",
        "gate north",
        "-gate",
        "gate-",
        "gate..example",
        "x" * 64,
        "x." * 127 + "example",
        "gäte.example",
        "fe80::1%eth0",
        "fe80::1%/../@evil.example",
        "fe80::1%\r\nHost: evil.example",
    ],
)
def test_nothing_else_is_a_host(host: str) -> None:
    assert not is_host(host)


@given_any(st.text(alphabet="abc019.-:/%@[] \n\\", max_size=40))
def test_whatever_is_a_host_can_stand_in_an_address(host: str) -> None:
    if is_host(host):
        assert not set(host) & set("/%@[] \n\\")


def test_a_long_text_is_looked_through_in_no_time() -> None:
    """The transaction is open meanwhile."""
    began = time.perf_counter()
    for text in ("a" * 200 + "!", "a-" * 100 + "!", "a." * 100 + "!", "1" * 100_000):
        assert not is_host(text)
        email = replace(ADD, reset_email=f"{text}@{text}")
        KNOWN.when(email).refused("email_wrong")
    assert time.perf_counter() - began < 1
