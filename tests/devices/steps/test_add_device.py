from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from devices.drivers.base import Service
from devices.state import ONVIF_PATH, SERVICES, Kind
from devices.steps.add_device import (
    AddDevice,
    DeviceAdded,
    is_host,
    mac_in,
    services_in,
    services_text,
    taken,
)
from fleet.errors import Refused
from fleet.eventstore.messages import decode
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
    ("name_unprintable", "name", {"name": "Gate\nnorth"}),
    ("host_wrong", "host", {"host": ""}),
    ("host_wrong", "host", {"host": "http://203.0.113.7"}),
    ("port_wrong", "port", {"port": 0}),
    ("port_wrong", "port", {"port": -80}),
    ("port_wrong", "port", {"port": 65_536}),
    ("username_missing", "username", {"username": " "}),
    ("password_missing", "password", {"password": ""}),
    ("mailbox_malformed", "reset_email", {"reset_email": "owner"}),
    ("mailbox_several", "reset_email", {"reset_email": "a@example.com, b@example.com"}),
    ("mailbox_unprintable", "reset_email", {"reset_email": "a@example.com\r\nBcc: b@example.com"}),
    ("channel_wrong", "channel", {"nvr": NVR}),
    ("channel_wrong", "channel", {"channel": 3}),
    ("channel_wrong", "channel", {"nvr": NVR, "channel": 0}),
    ("channel_wrong", "channel", {"nvr": NVR, "channel": 100_000}),
    ("channel_wrong", "channel", {"nvr": NVR, "channel": 257}),
    ("nvr_on_nvr", "nvr", {"kind": Kind.NVR, "nvr": NVR, "channel": 1}),
    ("path_wrong", "path", {"path": ""}),
    ("path_wrong", "path", {"path": "onvif"}),
    ("path_wrong", "path", {"path": "/a b"}),
    ("path_wrong", "path", {"path": "/a\r\nHost: evil.example"}),
    ("path_wrong", "path", {"path": "/" + "a" * 200}),
    ("services_wrong", "services", {"services": "telnet:23"}),
    ("mac_wrong", "mac", {"mac": "00:FF:00:00:00"}),
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
        KNOWN.when(email).refused("mailbox_too_long")
    assert time.perf_counter() - began < 1


# --- what else it talks, and what it is known by --------------------------------------------------


def test_what_is_known_of_a_device_is_kept_in_one_form() -> None:
    ask = replace(
        ADD,
        tls=True,
        path="/other",
        services="vigi_nvr, rtsp:8554",
        serial=" A-1 ",
        mac="00-ff-00-00-00-01",
    )
    KNOWN.when(ask).then(
        replace(
            ADDED,
            tls=True,
            path="/other",
            services=(Service("rtsp", 8554), Service("vigi_nvr", 20443, tls=True)),
            serial="A-1",
            mac="00:FF:00:00:00:01",
        )
    )


def test_a_service_has_its_usual_port_unless_another_is_named() -> None:
    assert services_in("") == ()
    assert services_in("rtsp vigi_local+plain recovery:9000+tls") == (
        Service("recovery", 9000, tls=True),
        Service("rtsp", 554),
        Service("vigi_local", 443, tls=False),
    )


@given_any(
    st.dictionaries(
        st.sampled_from(sorted(SERVICES)), st.tuples(st.integers(1, 65_535), st.booleans())
    )
)
def test_services_that_are_written_down_are_read_as_they_were(
    told: dict[str, tuple[int, bool]],
) -> None:
    services = tuple(Service(name, *told[name]) for name in sorted(told))
    assert services_in(services_text(services)) == services


@pytest.mark.parametrize(
    "text",
    ["telnet", "rtsp:0", "rtsp:65536", "rtsp:port", "rtsp:554 rtsp:8554", "rtsp=554", "RTSP",
     "rtsp:554+ssl", "rtsp://gate:554", ":554", "onvif:80", "x" * 2000],
)  # fmt: skip
def test_what_is_no_service_is_refused(text: str) -> None:
    with pytest.raises(Refused) as refused:
        services_in(text)
    assert (refused.value.code, refused.value.field) == ("services_wrong", "services")


@pytest.mark.parametrize(
    "text", ["00:ff:00:00:00:01", "00-FF-00-00-00-01", "00ff.0000.0001", " 00ff00000001 "]
)
def test_a_mac_address_is_one_however_it_is_written(text: str) -> None:
    assert mac_in(text) == "00:FF:00:00:00:01"
    assert mac_in("") == ""


@pytest.mark.parametrize(
    "text", ["no", "00:ff:00:00:00", "00:ff:00:00:00:01:02", "00:ff:00:00:00:0g"]
)
def test_anything_else_is_no_mac_address(text: str) -> None:
    with pytest.raises(Refused) as refused:
        mac_in(text)
    assert (refused.value.code, refused.value.field) == ("mac_wrong", "mac")


@pytest.mark.parametrize(("field", "code"), [("serial", "serial_taken"), ("mac", "mac_taken")])
def test_what_another_device_has_is_told_by_its_name(field: str, code: str) -> None:
    conflict = taken(field, "Quay")
    assert (conflict.code, conflict.field) == (code, field)
    assert "Quay" in conflict.message


# --- what was stored before -----------------------------------------------------------------------


def test_a_device_that_was_added_when_rekey_knew_plain_http_alone_is_read_as_such() -> None:
    golden = Path(__file__).parents[2] / "golden" / "events.json"
    stored = json.loads(golden.read_text())[DeviceAdded.tag]["samples"]["1"]
    read = decode(DeviceAdded.tag, 1, json.dumps(stored))
    assert isinstance(read, DeviceAdded)
    assert {name: str(getattr(read, name)) for name in stored} == {
        name: str(value) for name, value in stored.items()
    }
    assert (read.tls, read.path, read.services) == (False, ONVIF_PATH, ())
    assert (read.serial, read.mac, read.fresh) == ("", "", False)
