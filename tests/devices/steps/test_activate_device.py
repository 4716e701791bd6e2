from __future__ import annotations

from dataclasses import replace

import pytest

from devices.state import Kind
from devices.steps.activate_device import ActivateDevice, DeviceActivated, RecordActivated
from fleet.eventstore.testing import given
from tests.devices.steps.story import ADDED, PLACED, SITE

ACTIVATE = ActivateDevice(
    site=SITE,
    kind=Kind.CAMERA,
    name=" Gate north ",
    host="203.0.113.7",
    port=80,
    reset_email="owner@example.com",
)
FRESH = replace(ADDED, fresh=True)
KNOWN = given().knowing(PLACED)


def test_a_fresh_device_is_added_and_has_its_first_password_before_it() -> None:
    assert KNOWN.when(ACTIVATE).then(FRESH).fresh
    assert "made-up" not in repr(replace(ACTIVATE, password="made-up-Horse-1"))


def test_a_typed_password_is_held_against_the_rules() -> None:
    KNOWN.when(replace(ACTIVATE, password="made-up-Horse-1")).then(FRESH)
    for unfit in ("short-1", "admin", "letters", "a" * 128):
        error = KNOWN.when(replace(ACTIVATE, password=unfit)).refused("password_unfit")
        assert error.field == "password"
        assert unfit not in error.message


@pytest.mark.parametrize("email", ["", "owner"])
def test_without_a_mailbox_nobody_could_ever_get_a_code(email: str) -> None:
    code = "mailbox_malformed" if email else "email_missing"
    error = KNOWN.when(replace(ACTIVATE, reset_email=email)).refused(code)
    assert error.field == "reset_email"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": " "}, "name_missing"),
        ({"host": "http://203.0.113.7"}, "host_wrong"),
        ({"port": 0}, "port_wrong"),
        ({"path": "onvif"}, "path_wrong"),
        ({"services": "telnet:23"}, "services_wrong"),
        ({"mac": "no"}, "mac_wrong"),
        ({"username": " "}, "username_missing"),
        ({"channel": 1}, "channel_wrong"),
    ],
)
def test_what_is_wrong_for_adding_is_wrong_here(fields: dict, code: str) -> None:
    KNOWN.when(replace(ACTIVATE, **fields)).refused(code)


def test_that_it_took_its_password_is_recorded_once() -> None:
    assert not given(FRESH).when(RecordActivated()).then(DeviceActivated()).fresh
    given(FRESH, DeviceActivated()).when(RecordActivated()).then_nothing()
    given(ADDED).when(RecordActivated()).then_nothing()
