"""Talking to devices: asynchronous, typed, and suspicious of every answer."""

from devices.drivers.base import (
    ADMINISTRATOR,
    Ability,
    Account,
    Address,
    Challenge,
    Channel,
    DoorTried,
    Driver,
    Identity,
    Login,
    PasswordRules,
    Service,
    StoredCamera,
)
from devices.drivers.proof import Proof, prove
from devices.drivers.registry import driver

__all__ = [
    "ADMINISTRATOR",
    "Ability",
    "Account",
    "Address",
    "Challenge",
    "Channel",
    "DoorTried",
    "Driver",
    "Identity",
    "Login",
    "PasswordRules",
    "Proof",
    "Service",
    "StoredCamera",
    "driver",
    "prove",
]
