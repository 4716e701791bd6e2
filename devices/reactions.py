"""What happens out there when a device is added, activated, replaced, or is to be checked."""

from __future__ import annotations

from contextlib import suppress
from uuid import UUID

from django.utils import timezone

from devices.doors import (
    MANAGEMENT_USERNAME,
    Talk,
    login,
    talking,
    wrong_password,
)
from devices.drivers.base import Login, Service
from devices.drivers.errors import (
    DeviceError,
    LockedOut,
    OpensToAnything,
    TriesSpent,
    Unreachable,
)
from devices.models import Telemetry
from devices.own_account import activate, keep, make_management_account
from devices.queries import device_for_jobs
from devices.recorders import read_channels
from devices.state import CredentialState, Kind, Purpose, credential_id
from devices.steps.add_device import DeviceAdded
from devices.steps.check_device import CheckRequested, RecordCheck, RecordTrouble
from devices.steps.credential import (
    EarlierPasswordRefused,
    PromoteCandidate,
    RecordFoundAgain,
    RecordRefused,
    SetAside,
    WithdrawCandidate,
)
from devices.steps.give_password import PasswordGiven, RecordGivenRefused
from devices.steps.replace_device import DeviceReplaced
from devices.steps.take_in_device import (
    DeviceIdentified,
    RecordIdentity,
    RecordServices,
)
from devices.steps.try_history import HistoryRequested, RecordHistoryTried
from devices.vault import VaultError
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.messages import By, Recorded
from fleet.eventstore.store import read_stream, state_of
from fleet.eventstore.subscriptions import Later, later, reaction


@reaction(DeviceAdded, DeviceReplaced, at_site=True)
def take_in_device(recorded: Recorded) -> None:
    """Keep the typed password, find out what the device is, and make Rekey's own account there.

    A device that does not answer is asked again, with growing waits, until it does. One that is
    factory-fresh gets its first password before.
    """
    added = recorded.event
    assert isinstance(added, DeviceAdded | DeviceReplaced)
    device = device_for_jobs(recorded.stream)
    by = recorded.because("take in the device")
    if isinstance(added, DeviceReplaced):
        _set_aside(device.id, added.username, added.secret, by)
        _set_aside(device.id, MANAGEMENT_USERNAME, added.management, by)
    keep(device, added.username, Purpose.DEVICE, added.secret, by)
    if isinstance(added, DeviceReplaced):  # what the old one had may be in other hands
        keep(device, MANAGEMENT_USERNAME, Purpose.MANAGEMENT, added.management, by)
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


def _set_aside(device: UUID, username: str, new: UUID, by: By) -> None:
    account = credential_id(device, username)
    if state_of(CredentialState, account).current:
        handle(SetAside(new), account, by)


@reaction(CheckRequested, urgent=True, at_site=True)
def check_device(recorded: Recorded) -> None:
    """Ask once; what comes of it stands on the device."""
    device = device_for_jobs(recorded.stream)
    if not device.removed:
        with (
            suppress(DeviceError, VaultError),
            talking(device, recorded, "check the device") as talk,
        ):
            look_at(talk)


@reaction(PasswordGiven, urgent=True, at_site=True)
def try_given_password(recorded: Recorded) -> None:
    """Try the password that somebody typed; if it opens the device, it is the current one."""
    given = recorded.event
    assert isinstance(given, PasswordGiven)
    device = device_for_jobs(recorded.stream)
    if device.removed:
        return
    by = recorded.because("try the password that was typed")
    keep(device, given.username, Purpose.DEVICE, given.secret, by)
    try:
        with talking(device, recorded, "try the password that was typed") as talk:
            look_at(talk)
            _answer_whoever_typed(given.secret, talk)
    except Unreachable as error:
        raise later(recorded, error.code) from error
    except (DeviceError, VaultError):
        return  # recorded by look_at


def _answer_whoever_typed(secret: UUID, talk: Talk) -> None:
    """Say so where it opened nothing. It is then a candidate no more: each later check would spend
    one more login try on it.
    """
    account = credential_id(talk.device.id, talk.device.username)
    known = state_of(CredentialState, account)
    if known.candidate == secret:  # it would be current, had it opened the device
        orders: list[Order] = [Order(RecordGivenRefused(), talk.device.id)]
        if known.current:
            orders.append(Order(WithdrawCandidate(secret), account))
        handle_all(orders, talk.by)


@reaction(HistoryRequested, urgent=True, at_site=True)
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
            _heard(device.id)
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
        _heard(device.id)
        device.refresh_from_db(fields=["services", "manufacturer", "max_password"])
        if not device.managed:
            make_management_account(talk, logins[opened])
        if device.kind == Kind.NVR:
            read_channels(talk, logins[opened])
    except (DeviceError, VaultError) as error:
        handle(RecordTrouble(error.code), device.id, talk.by)
        raise


def _heard(device: UUID) -> None:
    """What waits for a device to be seen again need not wait for the next sweep as well."""
    now = timezone.now()
    rows = Telemetry.objects.filter(device=device)
    rows.update(online=True, seen_at=now, asked_at=now, misses=0)


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


# --- a device's first password --------------------------------------------------------------------


def _activate(talk: Talk, username: str, secret: UUID) -> None:
    """Set the first password. Raises DeviceError; what is not for waiting is recorded."""
    device = talk.device
    try:
        activate(talk, login(device.id, username, secret))
    except (DeviceError, VaultError) as error:
        handle(RecordTrouble(error.code), device.id, talk.by)
        raise
