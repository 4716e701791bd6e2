"""The challenge of a device that checks the code by itself, and the key its code comes from."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar

from django.conf import settings
from django.utils import timezone

from devices.doors import Talk, recovery_key, services_of, talking
from devices.drivers.base import Driver, Service
from devices.drivers.errors import (
    CertificateChanged,
    Declined,
    DeviceError,
    FactoryFresh,
    ForbiddenAddress,
    LockedOut,
    NotSupported,
)
from devices.drivers.recovery_crypto import b64, unb64
from devices.models import Device
from devices.queries import credential_for_jobs, device_for_jobs
from devices.state import Purpose
from devices.vault import VaultError
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import Later, later
from resets.codes import ChallengeKey, CodeKey
from resets.state import RecoveryMethod, ResetState
from resets.steps.apply_password import RecordWait
from resets.steps.fail_reset import FailReset
from resets.steps.take_challenge import RecordChallenge

T = TypeVar("T")
FOR_GOOD = (Declined, NotSupported, FactoryFresh, CertificateChanged, ForbiddenAddress)


class LastTry(Declined):
    """Rekey gives right codes only, and does not stake the device on that."""

    code = "last_code_try"
    happened = "The device takes one more wrong code before it locks, and Rekey does not spend it."
    sentence = "Use another recovery method, such as the factory restore."


class RecoveryLocked(LockedOut):
    """For a while, after wrong codes: its logins are another matter."""

    code = "recovery_locked"
    happened = "The device takes no codes for a while: too many were wrong."


class RecoveryClosed(Declined):
    """After a hundred wrong codes in a row."""

    code = "closed"
    happened = "The device takes no more codes: too many were wrong."
    sentence = "Use another recovery method, such as the factory restore."


def service_of(device: Device) -> Service | None:
    """Where the device speaks the recovery protocol; None: at its own address."""
    return next((s for s in services_of(device) if s.driver == "recovery"), None)


def key_of(device: Device) -> bytes:
    """The key that the device checks codes with. Raises NotSupported, VaultError."""
    kept = credential_for_jobs(device.pk, Purpose.RECOVERY)
    secret = (kept.current or kept.candidate) if kept else None
    if secret is None:
        raise NotSupported("Rekey holds no recovery key of the device.")
    return recovery_key(device.pk, secret)


def code_key_of(reset: ResetState) -> CodeKey:
    """What the reset's newest code comes from. Raises NotSupported, VaultError."""
    if reset.method is not RecoveryMethod.DEVICE_RECOVERY:
        return CodeKey(settings.REKEY_CODE_KEY)
    if reset.taken is None or reset.awaits_challenge:
        return ChallengeKey(b"")  # there is no code yet
    assert reset.subject
    key = key_of(device_for_jobs(reset.subject))
    return ChallengeKey(key, unb64(reset.taken.value), reset.taken.serial)


def ask(talk: Talk, call: Callable[[Driver], Coroutine[Any, Any, T]]) -> T:
    """One call of the recovery protocol. Raises DeviceError."""
    try:
        return talk.ask(call, service_of(talk.device))
    except LockedOut as error:
        if error.for_good:
            raise RecoveryClosed from error
        raise RecoveryLocked(error.seconds_left) from error


def ask_challenge(talk: Talk, send: int) -> RecordChallenge:
    """Ask the device for a challenge: an earlier one is void from then on. Raises DeviceError."""
    asked_at = timezone.now()
    serial = ask(talk, lambda driver: driver.identify()).serial
    given = ask(talk, lambda driver: driver.challenge())
    if given.tries_left <= 1:
        raise LastTry
    until = asked_at + timedelta(seconds=given.expires_in)
    return RecordChallenge(send, given.id, b64(given.value), serial, until)


def take_challenge(recorded: Recorded, send: int) -> None:
    """Have the device give the challenge for the code of this number, as long as it is the newest;
    where it refuses for good, the reset fails. For one code there is one challenge.

    Raises Later.
    """
    reset = state_of(ResetState, recorded.stream)
    assert reset.subject
    device = device_for_jobs(reset.subject)
    with talking(device, recorded, "take the device's challenge") as talk:
        reset = state_of(ResetState, recorded.stream)
        if reset.sends != send or not reset.awaits_challenge:
            return
        try:
            handle(ask_challenge(talk, send), reset.id, talk.by)
        except (DeviceError, VaultError) as error:
            if isinstance(error, FOR_GOOD):
                words = f"{error} {error.sentence}"
                handle(FailReset(error.code, words), reset.id, talk.by)
            else:
                assert reset.code_expires_at
                handle(RecordWait(error.code, reset.code_expires_at), reset.id, talk.by)
                if isinstance(error, LockedOut) and error.seconds_left:
                    raise Later(error.seconds_left, error.code) from error
                raise later(recorded, error.code, longest=30) from error
