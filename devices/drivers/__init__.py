"""Talking to devices: asynchronous, typed, and suspicious of every answer."""

from devices.drivers.base import (
    ADMINISTRATOR,
    Account,
    Address,
    DoorTried,
    Driver,
    Identity,
    Login,
    PasswordRules,
)
from devices.drivers.proof import Proof, prove
from devices.drivers.registry import driver

__all__ = [
    "ADMINISTRATOR",
    "Account",
    "Address",
    "DoorTried",
    "Driver",
    "Identity",
    "Login",
    "PasswordRules",
    "Proof",
    "driver",
    "prove",
]
