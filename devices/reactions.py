"""What happens out there when a device is added, activated, replaced, or is to be checked."""

from __future__ import annotations

import base64
import os
from contextlib import suppress
from uuid import UUID

from devices import vault
from devices.cuts import cut_at, keep_cut
from devices.doors import (
    MANAGEMENT_USERNAME,
    Talk,
    login,
    recovery_key,
    services_of,
    talking,
    wrong_password,
)
from devices.drivers.base import Login, Service
from devices.drivers.errors import (
    DeviceError,
    FactoryFresh,
    LockedOut,
    NotSupported,
    OpensToAnything,
    TriesSpent,
    Unreachable,
    UsernameClash,
)
from devices.models import Device
from devices.passwords import PasswordRules
from devices.queries import credential_for_jobs, device_for_jobs
from devices.recorders import read_channels
from devices.state import CredentialState, DeviceState, Kind, Purpose, credential_id
from devices.steps.activate_device import RecordActivated
from devices.steps.add_device import DeviceAdded
from devices.steps.check_device import CheckRequested, RecordCheck, RecordTrouble
from devices.steps.credential import (
    BeginCredential,
    EarlierPasswordRefused,
    PromoteCandidate,
    RecordFoundAgain,
    RecordRefused,
    StoreCandidate,
)
from devices.steps.give_password import PasswordGiven
from devices.steps.replace_device import DeviceReplaced
from devices.steps.take_in_device import (
    DeviceIdentified,
    RecordIdentity,
    RecordManagementAccount,
    RecordServices,
)
from devices.steps.try_history import HistoryRequested, RecordHistoryTried
from devices.vault import VaultError
from fleet.errors import Conflict
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.messages import By, Recorded
from fleet.eventstore.store import read_stream, state_of
from fleet.eventstore.subscriptions import Later, later, reaction

RECOVERY_KEY = 32  # bytes
RECOVERY = "recovery key"  # in place of an account's name


@reaction(DeviceAdded, DeviceReplaced)
def take_in_device(recorded: Recorded) -> None:
    """Keep the typed password, find out what the device is, and make Rekey's own account there.

    A device that does not answer is asked again, with growing waits, until it does. One that is
    factory-fresh gets its first password before.
    """
    added = recorded.event
    assert isinstance(added, DeviceAdded | DeviceReplaced)
    device = device_for_jobs(recorded.stream)
    by = recorded.because("take in the device")
    _keep(device, added.username, Purpose.DEVICE, added.secret, by)
    if isinstance(added, DeviceReplaced):  # what the old one had may be in other hands
        _keep(device, MANAGEMENT_USERNAME, Purpose.MANAGEMENT, added.management, by)
    if device.removed:
        return
    try:
        with talking(device, recorded, "take in the device") as talk:
            if device.fresh:
                _activate(talk, added.username, added.secret)
            look_at(talk)
    except (LockedOut, TriesSpent) as error:
        if not isinstance(error, LockedOut) or not error.for_good:
            raise Later(error.seconds_left or 60, error.code) from error
    except Unreachable as error:
        raise later(recorded, error.code) from error
    except VaultError as error:
        raise later(recorded, error.code) from error
    except DeviceError:
        return  # recorded by look_at; a person has to see to it


@reaction(CheckRequested, urgent=True)
def check_device(recorded: Recorded) -> None:
    """Ask once; what comes of it stands on the device."""
    device = device_for_jobs(recorded.stream)
    if not device.removed:
        with (
            suppress(DeviceError, VaultError),
            talking(device, recorded, "check the device") as talk,
        ):
            look_at(talk)


@reaction(PasswordGiven, urgent=True)
def try_given_password(recorded: Recorded) -> None:
    """Try the password that somebody typed; if it opens the device, it is the current one."""
    given = recorded.event
    assert isinstance(given, PasswordGiven)
    device = device_for_jobs(recorded.stream)
    if device.removed:
        return
    by = recorded.because("try the password that was typed")
    _keep(device, given.username, Purpose.DEVICE, given.secret, by)
    try:
        with talking(device, recorded, "try the password that was typed") as talk:
            look_at(talk)
    except Unreachable as error:
        raise later(recorded, error.code) from error
    except (DeviceError, VaultError):
        return  # recorded by look_at


@reaction(HistoryRequested, urgent=True)
def try_history(recorded: Recorded) -> None:
    """Try the earlier passwords, the newest first, as far as the login tries go; the rest later."""
    device = device_for_jobs(recorded.stream)
    if device.removed:
        return
    account = credential_id(device.id, device.username)
    known = state_of(CredentialState, account)
    with talking(device, recorded, "try the earlier passwords") as talk:
        try:
            for secret in known.superseded:
                if secret in _refused_since(recorded, account):
                    continue
                if talk.check(login(device.id, device.username, secret)):
                    orders = [
                        Order(RecordFoundAgain(secret), account),
                        Order(RecordCheck(opened=True), device.id),
                    ]
                    handle_all(orders, talk.by)
                    return
                handle(RecordRefused(secret), account, talk.by)
            handle(RecordHistoryTried(len(known.superseded)), device.id, talk.by)
        except (LockedOut, TriesSpent) as error:
            if isinstance(error, LockedOut) and error.for_good:
                handle(RecordTrouble(error.code), device.id, talk.by)
                return
            raise Later(error.seconds_left or 60, error.code) from error
        except Unreachable as error:
            raise later(recorded, error.code) from error
        except (DeviceError, VaultError) as error:
            handle(RecordTrouble(error.code), device.id, talk.by)


def _refused_since(recorded: Recorded, account: UUID) -> set[UUID]:
    """What was tried already because of this request: the login tries may last for a part only."""
    return {
        tried.event.secret
        for tried in read_stream(account)
        if tried.causation == recorded.id and isinstance(tried.event, EarlierPasswordRefused)
    }


# --- a look at a device ---------------------------------------------------------------------------


def look_at(talk: Talk) -> None:
    """Which of the likely passwords opens the device, what is it, is Rekey's account there?

    Trouble is recorded, and raised as a DeviceError.
    """
    device = talk.device
    account = credential_id(device.id, device.username)
    try:
        credential = state_of(CredentialState, account)
        candidates = [s for s in (credential.candidate, credential.current) if s]
        logins = {s: login(device.id, device.username, s) for s in candidates}
        if device.certified and credential.current:
            talk.trust(logins[credential.current])
        opened = next((s for s in candidates if talk.check(logins[s])), None)
        if opened is None:
            handle(RecordCheck(opened=False), device.id, talk.by)
            return
        # After it, and not of a device that is certified already: some count on after a right
        # login, so each wrong one of ours brings their lock nearer.
        if not device.certified and talk.check(Login(device.username, wrong_password())):
            raise OpensToAnything
        orders = [
            Order(RecordCheck(opened=True), device.id),
            Order(PromoteCandidate(opened), account),
            Order(RecordIdentity(_identity(talk, logins[opened])), device.id),
            Order(RecordServices(_further_services(talk, logins[opened])), device.id),
        ]
        handle_all(orders, talk.by)
        device.refresh_from_db(fields=["services", "manufacturer", "max_password"])
        if not device.managed:
            _make_management_account(talk, logins[opened])
        if device.kind == Kind.NVR:
            read_channels(talk, logins[opened])
    except (DeviceError, VaultError) as error:
        handle(RecordTrouble(error.code), device.id, talk.by)
        raise


def _identity(talk: Talk, admin: Login) -> DeviceIdentified:
    identity = talk.ask_as(admin, lambda driver, one: driver.identify(one))
    rules = talk.ask(lambda driver: driver.rules())
    return DeviceIdentified(
        identity.manufacturer,
        identity.model,
        identity.firmware,
        identity.serial,
        rules.max_length,
        identity.mac,
    )


def _further_services(talk: Talk, admin: Login) -> tuple[Service, ...]:
    """Only a hint of the device's: that it gives none is no trouble."""
    try:
        return talk.ask_as(admin, lambda driver, one: driver.services(one))
    except (LockedOut, TriesSpent, Unreachable):
        raise
    except DeviceError:
        return ()


def _make_management_account(talk: Talk, admin: Login) -> None:
    """Its password is in the vault before the device hears of it, as with every other."""
    device = talk.device
    rules = PasswordRules.of_device(device.max_password)
    stream = credential_id(device.id, MANAGEMENT_USERNAME)
    known = state_of(CredentialState, stream)
    secret = known.candidate or known.current
    # One that was chosen before the device said how much it takes may be too long for it.
    if secret is None or rules.problem(vault.get(secret, device.id)):
        secret = vault.put(device.id, rules.generate())
        _keep(device, MANAGEMENT_USERNAME, Purpose.MANAGEMENT, secret, talk.by)
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


# --- a device's first password --------------------------------------------------------------------


def _activate(talk: Talk, username: str, secret: UUID) -> None:
    """Set the first password. A run that comes back finds it there, and goes on.

    Raises DeviceError; what is not for waiting is recorded.
    """
    device = talk.device
    try:
        first = login(device.id, username, secret)
        if not _opens(talk, first):
            service = next((s for s in services_of(device) if s.driver == "recovery"), None)
            key = _recovery_key(talk) if service else b""
            talk.ask(lambda driver: driver.activate(first, device.reset_email, key), service)
        orders = [Order(RecordActivated(), device.id)]
        stream = credential_id(device.id, RECOVERY)
        if offered := state_of(CredentialState, stream).candidate:
            orders.append(Order(PromoteCandidate(offered), stream))
        handle_all(orders, talk.by)
    except (DeviceError, VaultError) as error:
        handle(RecordTrouble(error.code), device.id, talk.by)
        raise


def _opens(talk: Talk, first: Login) -> bool:
    try:
        return talk.check(first)
    except (FactoryFresh, OpensToAnything):
        return False


def _recovery_key(talk: Talk) -> bytes:
    """The key that the device will check codes with: in the vault before the device hears it."""
    device = talk.device
    if credential_for_jobs(device.id, Purpose.RECOVERY) is None:
        fresh = vault.put(device.id, base64.b64encode(os.urandom(RECOVERY_KEY)).decode())
        _keep(device, RECOVERY, Purpose.RECOVERY, fresh, talk.by)
    known = state_of(CredentialState, credential_id(device.id, RECOVERY))
    secret = known.candidate or known.current
    assert secret
    return recovery_key(device.id, secret)


# --- what the jobs share --------------------------------------------------------------------------


def _keep(device: Device, username: str, purpose: Purpose, secret: UUID, by: By) -> None:
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
