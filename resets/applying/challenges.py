"""The challenge of a device that checks the code by itself, and the key its code comes from."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from devices.doors import Talk, recovery_key, services_of, talking
from devices.drivers.base import Service
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
from fleet.eventstore.subscriptions import later
from resets.codes import ChallengeKey, CodeKey
from resets.state import RecoveryMethod, ResetState
from resets.steps.apply_password import RecordWait
from resets.steps.fail_reset import FailReset
from resets.steps.take_challenge import RecordChallenge

FOR_GOOD = (Declined, NotSupported, FactoryFresh, CertificateChanged, ForbiddenAddress)


class LastTry(Declined):
    """Rekey gives right codes only, and does not stake the device on that."""

    code = "last_code_try"
    happened = "The device takes one more wrong code before it locks, and Rekey does not spend it."
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


def ask_challenge(talk: Talk, send: int) -> RecordChallenge:
    """Ask the device for a challenge: an earlier one is void from then on. Raises DeviceError."""
    service, asked_at = service_of(talk.device), timezone.now()
    serial = talk.ask(lambda driver: driver.identify(), service).serial
    given = talk.ask(lambda driver: driver.challenge(), service)
    if given.tries_left <= 1:
        raise LastTry
    until = asked_at + timedelta(seconds=given.expires_in)
    return RecordChallenge(send, given.id, b64(given.value), serial, until)


def take_challenge(recorded: Recorded) -> ResetState:
    """The reset as it is once the device has given the challenge for its newest code, or has
    refused for good. A run that comes back finds the challenge that was recorded.

    Raises Later.
    """
    reset = state_of(ResetState, recorded.stream)
    assert reset.subject and reset.code_expires_at
    device = device_for_jobs(reset.subject)
    with talking(device, recorded, "take the device's challenge") as talk:
        reset = state_of(ResetState, recorded.stream)
        if not reset.awaits_challenge:
            return reset
        try:
            handle(ask_challenge(talk, reset.sends), reset.id, talk.by)
        except (DeviceError, VaultError) as error:
            if isinstance(error, FOR_GOOD) or (isinstance(error, LockedOut) and error.for_good):
                words = f"{error} {error.sentence}"
                handle(FailReset(error.code, words), reset.id, talk.by)
            else:
                assert reset.code_expires_at
                handle(RecordWait(error.code, reset.code_expires_at), reset.id, talk.by)
                raise later(recorded, error.code, longest=30) from error
    return state_of(ResetState, recorded.stream)
