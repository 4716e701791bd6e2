"""How a job gets at a device: its driver and the logins that the vault has for it."""

from __future__ import annotations

import secrets
from uuid import UUID

from devices import vault
from devices.drivers.base import Address, Driver, Login
from devices.drivers.registry import driver
from devices.models import Device

MANAGEMENT_USERNAME = "rekey"


def driver_of(device: Device) -> Driver:
    return driver(device.driver, Address(device.host, device.port))


def login(device: UUID, username: str, secret: UUID) -> Login:
    """A login with a password from the vault. Raises vault.VaultError."""
    return Login(username, vault.get(secret, device))


def wrong_password() -> str:
    """One that no device has: for the negative control of a check."""
    return f"Wrong-{secrets.token_hex(5)}"
