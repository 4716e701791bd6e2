"""Devices and resets to measure with, put there through the front door, in batches."""

from __future__ import annotations

import itertools
from uuid import UUID, uuid4

from devices.state import Kind
from devices.steps.add_device import AddDevice
from devices.steps.take_in_device import RecordManagementAccount
from fleet.eventstore import subscriptions
from fleet.eventstore.handling import Order, handle_all
from fleet.eventstore.messages import By
from resets.steps.request_reset import RequestReset
from resets.steps.send_code import SendCode
from tests.cast import SETUP, Cast, cast, lift_limits

_cast: list[Cast] = []
_numbers = itertools.count()


def alice() -> By:
    if not _cast:
        subscriptions.REACTIONS.clear()  # nobody is there to react
        _cast.append(cast())
        # More is done here in an hour than people do in a year. One limit has to stay (see
        # `guarded`): so each device has a mailbox of its own.
        lift_limits(_cast[0])
    return _cast[0].by(_cast[0].alice)


def devices(count: int) -> list[UUID]:
    alice()
    made: list[UUID] = []
    while len(made) < count:
        some = [uuid4() for _ in range(min(500, count - len(made)))]
        handle_all([Order(_add(next(_numbers)), device) for device in some], SETUP)
        handle_all([Order(RecordManagementAccount("rekey"), device) for device in some], SETUP)
        made += some
    return made


def _add(number: int) -> AddDevice:
    return AddDevice(
        site=_cast[0].site,
        kind=Kind.CAMERA,
        name=f"Camera {number:05d}",
        host=f"10.{number // 62500}.{number // 250 % 250}.{number % 250}",
        port=80,
        username="admin",
        password="not-used-here-1",
        reset_email=f"owner-{number}@example.com",
    )


def resets(count: int) -> list[UUID]:
    """Resets of fresh devices, each with a code on its way."""
    made = []
    by = alice()
    targets = devices(count)
    for at in range(0, count, 500):
        some = [(uuid4(), device) for device in targets[at : at + 500]]
        handle_all([Order(RequestReset(device, "bench"), reset) for reset, device in some], by)
        handle_all([Order(SendCode(), reset) for reset, _ in some], by)
        made += [reset for reset, _ in some]
    return made
