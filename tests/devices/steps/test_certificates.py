from __future__ import annotations

import pytest

from devices.state import Pin
from devices.steps.certificates import (
    AcceptCertificate,
    CertificateAccepted,
    CertificateChangeSeen,
    CertificatePinned,
    PinCertificate,
    RecordCertificateChange,
)
from devices.steps.check_device import CheckRequested
from fleet.eventstore.testing import given
from tests.devices.steps.story import ADDED, OTHER_PIN, PIN, REMOVED

PINNED = CertificatePinned(443, PIN)
CHANGED = CertificateChangeSeen(443, OTHER_PIN)
THIRD_PIN = "ef" * 32


def test_the_first_certificate_of_a_port_is_pinned_and_no_later_one() -> None:
    state = given(ADDED).when(PinCertificate(443, PIN)).then(PINNED)
    assert state.pins == (Pin(443, PIN),)
    for certificate in (PIN, OTHER_PIN):
        given(ADDED, PINNED).when(PinCertificate(443, certificate)).then_nothing()
        given(ADDED, PINNED, CHANGED).when(PinCertificate(443, certificate)).then_nothing()


def test_each_port_has_a_pin_of_its_own() -> None:
    other = CertificatePinned(20443, OTHER_PIN)
    state = given(ADDED, PINNED).when(PinCertificate(20443, OTHER_PIN)).then(other)
    assert state.pins == (Pin(443, PIN), Pin(20443, OTHER_PIN))


def test_another_certificate_is_told_once_and_pins_nothing() -> None:
    state = given(ADDED, PINNED).when(RecordCertificateChange(443, OTHER_PIN)).then(CHANGED)
    assert (state.pins, state.strange) == ((Pin(443, PIN),), (Pin(443, OTHER_PIN),))
    before = given(ADDED, PINNED, CHANGED)
    before.when(RecordCertificateChange(443, OTHER_PIN)).then_nothing()
    third = CertificateChangeSeen(443, THIRD_PIN)
    state = before.when(RecordCertificateChange(443, THIRD_PIN)).then(third)
    assert state.strange == (Pin(443, THIRD_PIN),), "the last one that it showed"


@pytest.mark.parametrize("typed", [OTHER_PIN, OTHER_PIN.upper(), f" {':'.join(['cd'] * 32)} "])
def test_a_shown_certificate_is_accepted_and_the_device_is_asked_at_once(typed: str) -> None:
    elsewhere = CertificateChangeSeen(20443, THIRD_PIN)
    before = given(ADDED, PINNED, CHANGED, elsewhere)
    accept = AcceptCertificate(typed, "The firmware was updated")
    state = before.when(accept).then(CertificateAccepted(443, OTHER_PIN), CheckRequested())
    assert (state.pins, state.strange) == ((Pin(443, OTHER_PIN),), (Pin(20443, THIRD_PIN),))


@pytest.mark.parametrize("typed", [THIRD_PIN, PIN, "", OTHER_PIN[:-1]])
def test_no_other_certificate_is_accepted(typed: str) -> None:
    accept = AcceptCertificate(typed, "The firmware was updated")
    error = given(ADDED, PINNED, CHANGED).when(accept).refused("not_that_certificate")
    assert error.field == "certificate"


@pytest.mark.parametrize("reason", ["", " \n"])
def test_without_a_reason_none_is_accepted(reason: str) -> None:
    accept = AcceptCertificate(OTHER_PIN, reason)
    assert given(ADDED, PINNED, CHANGED).when(accept).refused("reason_missing").field == "reason"


def test_nothing_is_accepted_for_a_removed_device() -> None:
    accept = AcceptCertificate(OTHER_PIN, "The firmware was updated")
    given(ADDED, PINNED, CHANGED, REMOVED).when(accept).refused("device_removed")
