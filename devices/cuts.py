"""Devices that cut a password short without a word: some keep 10 characters of 20.

What the device has made of the password is then its password. It is found out, kept in the vault,
and the next password is no longer than that.
"""

from __future__ import annotations

from uuid import UUID

from devices import vault
from devices.doors import Talk
from devices.drivers.base import Login
from devices.drivers.errors import DeviceError
from devices.steps.credential import PromoteCandidate, StoreCandidate
from devices.steps.take_in_device import RecordLongest
from fleet.eventstore.handling import Order

LENGTHS = (10, 8, 12)  # characters at which devices were seen to cut


def cut_at(talk: Talk, refused: Login) -> int | None:
    """How many characters of a password that was just set, and is refused, open the device.

    The login tries may end before it is found out: then None.
    """
    try:
        for length in LENGTHS:
            cut = Login(refused.username, refused.password[:length])
            if cut != refused and talk.check(cut):
                return length
    except DeviceError:
        pass
    return None


def keep_cut(device: UUID, account: UUID, refused: Login, length: int) -> list[Order]:
    """What is to be recorded of it; the password that the device kept is in the vault then."""
    secret = vault.put(device, refused.password[:length])
    return [
        Order(StoreCandidate(secret), account),
        Order(PromoteCandidate(secret), account),
        Order(RecordLongest(length), device),
    ]
