"""What happens out there when a device is added or is to be checked."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from devices import vault
from devices.doors import MANAGEMENT_USERNAME, driver_of, login, wrong_password
from devices.drivers.base import Driver, Login
from devices.drivers.errors import (
    DeviceError,
    LockedOut,
    NotSupported,
    OpensToAnything,
    Unreachable,
    UsernameClash,
)
from devices.models import Device
from devices.passwords import PasswordRules
from devices.queries import credential_for_jobs, device_for_jobs
from devices.state import CredentialState, Purpose, credential_id
from devices.steps.add_device import DeviceAdded
from devices.steps.check_device import CheckRequested, RecordCheck, RecordTrouble
from devices.steps.credential import BeginCredential, PromoteCandidate
from devices.steps.take_in_device import (
    DeviceIdentified,
    RecordIdentity,
    RecordManagementAccount,
)
from fleet.errors import Conflict
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.messages import By, Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import Later, later, reaction


@reaction(DeviceAdded)
def take_in_device(recorded: Recorded) -> None:
    """Keep the typed password, find out what the device is, and make Rekey's own account there.

    A device that does not answer is asked again, with growing waits, until it does.
    """
    added = recorded.event
    assert isinstance(added, DeviceAdded)
    by = recorded.because("take in the device")
    device = device_for_jobs(recorded.stream)
    _begin(device, added.username, Purpose.DEVICE, added.secret, by)
    try:
        look_at(device, by)
    except LockedOut as error:
        raise Later(error.seconds_left or 60, error.code) from error
    except Unreachable as error:
        raise later(recorded, error.code) from error
    except DeviceError:
        return  # recorded by look_at; a person has to see to it


@reaction(CheckRequested)
def check_device(recorded: Recorded) -> None:
    """Ask once; what comes of it stands on the device."""
    with suppress(DeviceError):
        look_at(device_for_jobs(recorded.stream), recorded.because("check the device"))


@dataclass(frozen=True)
class Seen:
    """What a look at a device found. `opened_with` is the id of the password that opens it."""

    opened_with: UUID | None
    identity: DeviceIdentified | None


def look_at(device: Device, by: By) -> None:
    """Which of the likely passwords opens the device, what it is, is Rekey's account there?

    Trouble is recorded, and raised as a DeviceError.
    """
    account = credential_id(device.id, device.username)
    credential = state_of(CredentialState, account)
    candidates = [s for s in (credential.candidate, credential.current) if s]
    logins = {s: login(device.id, device.username, s) for s in candidates}
    try:
        seen = asyncio.run(_look(driver_of(device), logins, device.username))
        if seen.opened_with is None and state_of(CredentialState, account) != credential:
            return look_at(device, by)  # a reset has changed the password while it was tried
        orders = [Order(RecordCheck(seen.opened_with is not None), device.id)]
        if seen.identity is not None:
            orders.append(Order(RecordIdentity(seen.identity), device.id))
        if seen.opened_with is not None:
            orders.append(Order(PromoteCandidate(seen.opened_with), account))
        handle_all(orders, by)
        if seen.opened_with is not None and not device.managed:
            _make_management_account(device, logins[seen.opened_with], by)
    except DeviceError as error:
        handle(RecordTrouble(error.code), device.id, by)
        raise


async def _look(driver: Driver, logins: dict[UUID, Login], username: str) -> Seen:
    if await driver.check(Login(username, wrong_password())):
        raise OpensToAnything
    for secret, one in logins.items():
        if await driver.check(one):
            identity, rules = await driver.identify(one), await driver.rules()
            return Seen(
                secret,
                DeviceIdentified(
                    identity.manufacturer,
                    identity.model,
                    identity.firmware,
                    identity.serial,
                    rules.max_length,
                ),
            )
    return Seen(None, None)


def _make_management_account(device: Device, admin: Login, by: By) -> None:
    """Its password is in the vault before the device hears of it, as with every other."""
    if credential_for_jobs(device.id, Purpose.MANAGEMENT) is None:
        fresh = vault.put(device.id, PasswordRules.of_device(device.max_password).generate())
        _begin(device, MANAGEMENT_USERNAME, Purpose.MANAGEMENT, fresh, by)
    # Asked after that: where two jobs begin at once, both go on with the password of the first.
    stream = credential_id(device.id, MANAGEMENT_USERNAME)
    known = state_of(CredentialState, stream)
    secret = known.candidate or known.current
    assert secret
    own = login(device.id, MANAGEMENT_USERNAME, secret)
    asyncio.run(_create(driver_of(device), admin, own))
    handle_all(
        [
            Order(PromoteCandidate(secret), stream),
            Order(RecordManagementAccount(MANAGEMENT_USERNAME), device.id),
        ],
        by,
    )


async def _create(driver: Driver, admin: Login, own: Login) -> None:
    try:
        await driver.create_account(admin, own)
    except UsernameClash:  # made by an earlier run that died, or by an earlier Rekey
        await driver.set_password(admin, own.username, own.password)
    if not await driver.check(own):
        raise NotSupported


def _begin(device: Device, username: str, purpose: Purpose, secret: UUID, by: By) -> None:
    stream = credential_id(device.id, username)
    assert device.organisation and device.site
    command = BeginCredential(
        device.organisation, device.site, device.id, username, purpose, secret
    )
    with suppress(Conflict):  # an earlier run of the same job has done it
        handle(command, stream, by)
