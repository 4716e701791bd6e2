"""The one word for how a device stands, and how it is said to people."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from devices.drivers import errors
from devices.drivers.errors import DeviceError


class Standing(Protocol):
    """What a device's status is told from."""

    certified: bool | None
    nvr_opens: bool | None
    trouble: str
    removed: bool


class Status(StrEnum):
    """Exactly one of these is true of a device: trouble hides what was known before."""

    CERTIFIED = "certified"
    NOT_CERTIFIED = "not_certified"
    NOT_CHECKED = "not_checked"
    TROUBLE = "trouble"
    REMOVED = "removed"

    @classmethod
    def of(cls, device: Standing) -> Status:
        if device.removed:
            return cls.REMOVED
        if device.trouble:
            return cls.TROUBLE
        if device.nvr_opens is False:
            return cls.NOT_CERTIFIED
        certified = device.certified
        if certified is None:
            return cls.NOT_CHECKED
        return cls.CERTIFIED if certified else cls.NOT_CERTIFIED

    @property
    def words(self) -> str:
        return _WORDS[self]

    @property
    def tone(self) -> str:
        """How the console colours it."""
        return _TONES[self]


_WORDS = {
    Status.CERTIFIED: "Certified",
    Status.NOT_CERTIFIED: "Not certified",
    Status.NOT_CHECKED: "Not checked yet",
    Status.TROUBLE: "In trouble",
    Status.REMOVED: "Removed",
}
_TONES = {
    Status.CERTIFIED: "ok",
    Status.NOT_CERTIFIED: "warn",
    Status.NOT_CHECKED: "quiet",
    Status.TROUBLE: "bad",
    Status.REMOVED: "quiet",
}
_TROUBLES = {
    "unreachable": "Does not answer",
    "locked_out": "Locked against logins",
    "opens_to_anything": "Lets any password in",
    "certificate_changed": "Shows another certificate",
    "tries_spent": "Login tries are spent",
    "vault_locked": "Password cannot be read",
    "vault_altered": "Password was altered",
    "vault_forgotten": "Password is not there",
    "factory_fresh": "Has no password yet",
    "forbidden_address": "Address not allowed",
    "not_supported": "Service not offered",
    "busy": "Is busy",
    "bad_answer": "Answer not understood",
    "not_authorised": "Login refused",
    "clock_refused": "Clock is wrong",
    "password_refused": "Password refused",  # nosec B105 - words
    "account_limit": "No room for an account",
}
_ADVICE = {
    "locked_out": "The device is locked after too many wrong logins. It opens again by itself: wait"
    " until then, each login before that may lengthen the lock.",
    "tries_spent": "One more wrong login could lock the device, so Rekey does not try. Find out the"
    " password, or wait until the device has forgotten the wrong ones.",
    "factory_fresh": "The device has no password yet: it is as it left the factory. Anybody on its"
    " network can take it. Begin a reset by the factory restore: Rekey then gives it a password.",
    "vault_locked": "Rekey cannot read the password that it has: the vault's master key is another"
    " one. Whoever runs Rekey finds out more with manage.py vault status.",
    "vault_altered": "The password that Rekey has was altered in the database. Reset it, or restore"
    " the database.",
    "vault_forgotten": "The password is not in the vault any more. Reset it.",
}
_ERRORS = {
    one.code: one
    for one in vars(errors).values()
    if isinstance(one, type) and issubclass(one, DeviceError)
}


def trouble_words(trouble: str) -> str:
    """A trouble in two or three words: "Does not answer"."""
    return _TROUBLES.get(trouble, trouble.replace("_", " ").capitalize())


def trouble_advice(trouble: str) -> str:
    """What is wrong, and what to do next, as sentences."""
    if trouble in _ADVICE:
        return _ADVICE[trouble]
    error = _ERRORS.get(trouble, DeviceError)
    return f"{error.happened} {error.sentence}"
