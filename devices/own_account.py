"""What Rekey itself needs on a device, made or made anew: its first password, the recovery key, and
the account of Rekey's own. Each is in the vault before the device hears of it.
"""

from __future__ import annotations

import base64
import os
from uuid import UUID

from devices import vault
from devices.cuts import cut_at, keep_cut
from devices.doors import MANAGEMENT_USERNAME, Talk, login, recovery_key, services_of
from devices.drivers.base import Login
from devices.drivers.errors import FactoryFresh, NotSupported, OpensToAnything, UsernameClash
from devices.models import Device
from devices.passwords import PasswordRules
from devices.state import CredentialState, DeviceState, Purpose, credential_id
from devices.steps.activate_device import RecordActivated
from devices.steps.credential import BeginCredential, PromoteCandidate, StoreCandidate
from devices.steps.take_in_device import RecordManagementAccount
from fleet.errors import Conflict
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.messages import By
from fleet.eventstore.store import state_of

RECOVERY_KEY = 32  # bytes
RECOVERY = "recovery key"  # in place of an account's name


def activate(talk: Talk, first: Login) -> None:
    """Set the first password. A run that comes back finds it there, and goes on.

    Raises DeviceError, vault.VaultError.
    """
    device = talk.device
    if not _opens(talk, first):
        service = next((s for s in services_of(device) if s.driver == "recovery"), None)
        key = _new_recovery_key(talk) if service else b""
        talk.ask(lambda driver: driver.activate(first, device.reset_email, key), service)
    orders = [Order(RecordActivated(), device.id)]
    stream = credential_id(device.id, RECOVERY)
    if offered := state_of(CredentialState, stream).candidate:
        orders.append(Order(PromoteCandidate(offered), stream))
    handle_all(orders, talk.by)


def _opens(talk: Talk, first: Login) -> bool:
    try:
        return talk.check(first)
    except (FactoryFresh, OpensToAnything):
        return False


def _new_recovery_key(talk: Talk) -> bytes:
    """The key that the device will check codes with: another one each time it is activated."""
    device = talk.device
    stream = credential_id(device.id, RECOVERY)
    offered = state_of(CredentialState, stream).candidate
    if offered is None:
        offered = vault.put(device.id, base64.b64encode(os.urandom(RECOVERY_KEY)).decode())
        keep(device, RECOVERY, Purpose.RECOVERY, offered, talk.by)
    return recovery_key(device.id, offered)


def make_management_account(talk: Talk, admin: Login) -> None:
    """Its password is in the vault before the device hears of it, as with every other."""
    device = talk.device
    rules = PasswordRules.of_device(device.max_password)
    stream = credential_id(device.id, MANAGEMENT_USERNAME)
    known = state_of(CredentialState, stream)
    secret = known.candidate or known.current
    # One that was chosen before the device said how much it takes may be too long for it.
    if secret is None or rules.problem(vault.get(secret, device.id)):
        secret = vault.put(device.id, rules.generate())
        keep(device, MANAGEMENT_USERNAME, Purpose.MANAGEMENT, secret, talk.by)
    own = login(device.id, MANAGEMENT_USERNAME, secret)
    try:
        talk.ask_as(admin, lambda driver, one: driver.create_account(one, own))
    except UsernameClash:  # made by an earlier run that died, or by an earlier Rekey
        talk.ask_as(admin, lambda driver, one: driver.set_password(one, own.username, own.password))
    if talk.check(own):
        kept = [Order(PromoteCandidate(secret), stream)]
    elif length := cut_at(talk, own):
        kept = keep_cut(device.id, stream, own, length)
    else:
        raise NotSupported
    made = Order(RecordManagementAccount(MANAGEMENT_USERNAME), device.id)
    handle_all([*kept, made], talk.by)


def keep(device: Device, username: str, purpose: Purpose, secret: UUID, by: By) -> None:
    """Keep a password as the candidate of an account. Repeating it changes nothing."""
    stream = credential_id(device.id, username)
    state = state_of(DeviceState, device.id)
    assert state.organisation and state.site
    begin = BeginCredential(state.organisation, state.site, device.id, username, purpose, secret)
    try:
        handle(begin, stream, by)
    except Conflict as conflict:  # by an earlier run, or for the device that stood here before
        if conflict.code != "exists_already":
            raise
        if secret not in state_of(CredentialState, stream).known:
            handle(StoreCandidate(secret), stream, by)
