"""How a job talks to a device: alone, within its login tries, and only to the certificate it knows.

- Two jobs never talk to one device at once: each holds its lease meanwhile. A job that was killed
  takes its own lease up again at once; anybody else waits until it runs out.
- A wrong login costs a try, and too many lock the device for everybody. Rekey counts its own, for
  each account, from the last right one on. Most devices count what comes from one address over all
  accounts, so the last try of all together is never spent. How many a device takes is from
  `lock_outs`; a device that tells is asked by its driver besides.
- Over TLS the certificate that was seen first is the one that has to be shown (see
  `steps.certificates`).
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from django.utils import timezone

from devices import vault
from devices.drivers import http
from devices.drivers.base import Ability, Address, Driver, Login, Service
from devices.drivers.errors import (
    CertificateChanged,
    DeviceError,
    LockedOut,
    NotAuthorised,
    TriesSpent,
    Unreachable,
)
from devices.drivers.proof import Door
from devices.drivers.registry import abilities_of, driver
from devices.models import Device, DeviceLease
from devices.steps.certificates import PinCertificate, RecordCertificateChange
from devices.tries import Tries, accept_many
from fleet.eventstore import database
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import By, Recorded
from fleet.eventstore.subscriptions import Later
from fleet.eventstore.together import Together

MANAGEMENT_USERNAME = "rekey"
LEASE = timedelta(seconds=40)  # renewed before a call
RENEW_AFTER = 5.0  # seconds; what is left is longer than a call
LONGEST_CALL = 30.0  # seconds; below the lease, so that it never ends while somebody talks
LONGEST_TALK = 300.0

T = TypeVar("T")


def login(device: UUID, username: str, secret: UUID) -> Login:
    """A login with a password from the vault. Raises vault.VaultError."""
    return Login(username, vault.get(secret, device))


def login_soon(device: UUID, username: str, secret: UUID) -> Callable[[], Login]:
    """As `login`, without waiting for it."""
    password = vault.get_soon(secret, device)
    return lambda: Login(username, password())


def recovery_key(device: UUID, secret: UUID) -> bytes:
    """The key that the device checks codes with. Raises vault.VaultError."""
    return base64.b64decode(vault.get(secret, device))


def services_of(device: Device) -> tuple[Service, ...]:
    """The further services of a device that there is a driver for."""
    told = (Service(**service) for service in device.services)
    return tuple(service for service in told if abilities_of(service.driver))


def wrong_password() -> str:
    """One that no device has: for the negative control of a check."""
    return f"Wrong-{secrets.token_hex(5)}"


@contextmanager
def talking(device: Device, recorded: Recorded, job: str) -> Iterator[Talk]:
    """Talk to a device, alone, because of an event; `job` is the reaction's name.

    Raises Later while somebody else talks to it.
    """
    holder = f"{job} {recorded.position}"
    if not lease(device.id, holder):
        raise Later(2.0, "device_busy")
    by = recorded.because(job)
    with asyncio.Runner() as runner:
        talk = Talk(device, by, runner, holder)
        try:
            yield talk
        finally:
            release(device.id, holder, talk.accepted)


def lease(device: UUID, holder: str) -> bool:
    """Take a device's lease, if nobody else holds it."""
    return _lease((device, holder))


def _leases(asked: list[tuple[UUID, str]]) -> list[bool]:
    now, until = database.time(timezone.now()), database.time(timezone.now() + LEASE)
    found = database.rows(
        "INSERT INTO device_lease (device, holder, until) VALUES "  # noqa: S608 - marks alone
        + ", ".join(["(%s, %s, %s)"] * len(asked))
        + " ON CONFLICT (device) DO UPDATE SET holder = excluded.holder, until = excluded.until"
        " WHERE device_lease.until <= %s OR device_lease.holder = excluded.holder"
        " RETURNING device",
        [value for device, holder in asked for value in (device, holder, until)] + [now],
    )
    taken = {database.as_uuid(device) for (device,) in found}
    return [device in taken for device, _ in asked]


_lease = Together(_leases)


def renew(holder: str) -> None:
    """Keep what a holder has for a while longer."""
    DeviceLease.objects.filter(holder=holder).update(until=timezone.now() + LEASE)


def release(device: UUID, holder: str, accepted: Tries | None = None) -> None:
    """Give a device's lease back; before that, tell of the last login that was right."""
    _release((device, holder, accepted))


def _releases(held: list[tuple[UUID, str, Tries | None]]) -> list[None]:
    accept_many([accepted for *_, accepted in held if accepted])
    pairs = ", ".join(["(%s, %s)"] * len(held))
    database.run(
        f"UPDATE device_lease SET until = %s WHERE (device, holder) IN (VALUES {pairs})",  # noqa: S608
        [database.time(timezone.now()), *(value for one in held for value in one[:2])],
    )
    return [None] * len(held)


_release = Together(_releases)


@dataclass
class Talk:
    """A conversation with one device, for as long as its lease is held."""

    device: Device
    by: By
    _runner: asyncio.Runner
    _holder: str
    _ends: float = field(default_factory=lambda: time.monotonic() + LONGEST_TALK)
    _renewed: float = field(default_factory=time.monotonic)
    _drivers: dict[str, Driver] = field(default_factory=dict)
    _right: Login | None = None
    accepted: Tries | None = None  # a login that was right, and not told of yet
    _sure: list[Login] = field(default_factory=list)

    def trust(self, login: Login) -> None:
        """Say of a login that it should be right: one try is kept for such, doubtful ones apart.

        Else nobody could be helped whose doubtful logins have spent the tries.
        """
        self._sure.append(login)

    def driver(self, service: Service | None = None) -> Driver:
        """The device's own driver, or that of one of its further services.

        Raises CertificateChanged, Unreachable.
        """
        name = service.driver if service else self.device.driver
        if name not in self._drivers:
            self._drivers[name] = driver(name, self._address(service))
        return self._drivers[name]

    def ask(
        self, call: Callable[[Driver], Coroutine[Any, Any, T]], service: Service | None = None
    ) -> T:
        """One call without a login. Raises DeviceError."""
        return self._run(call(self.driver(service)))

    def ask_as(
        self,
        login: Login,
        call: Callable[[Driver, Login], Coroutine[Any, Any, T]],
        service: Service | None = None,
    ) -> T:
        """One call with a login, within its tries. Raises DeviceError, so TriesSpent.

        One that was right in this conversation, with no wrong one since, spends nothing.
        """
        asked = self.driver(service)
        if self._right == login:
            return self._run(call(asked, login))
        tries = Tries(self.device, login.username)
        self._heed_its_own_count()
        # A job that dies before it is told of has counted one too many, and never one too few.
        accepted, self.accepted = self.accepted, None
        tries.spend(sure=login in self._sure, accepted=accepted)
        self._right = None
        try:
            answer = self._run(call(asked, login))
        except NotAuthorised:
            raise
        except LockedOut as error:
            tries.locked(error.seconds_left)
            raise
        except DeviceError:
            tries.give_back()  # it was no answer to the login
            raise
        if answer is not False:
            self.accepted, self._right = tries, login
        return answer

    def check(self, login: Login, service: Service | None = None) -> bool:
        """Whether a login opens the device. Raises DeviceError."""
        return self.ask_as(login, lambda driver, one: driver.check(one), service)

    def doors(self) -> list[Door]:
        """Every way in that a login can be tried at, the device's own first."""
        ways: list[Service | None] = [None, *services_of(self.device)]
        return [
            Door(service.driver if service else self.device.driver, partial(self._at, service))
            for service in ways
            if service is None or Ability.CHECK in abilities_of(service.driver)
        ]

    def _heed_its_own_count(self) -> None:
        """Others may have typed wrong passwords too. Where the device tells how many tries are
        left, that counts besides; asking costs none. Raises LockedOut, TriesSpent.
        """
        for service in services_of(self.device):
            if Ability.TRIES_LEFT not in abilities_of(service.driver):
                continue
            try:
                left = self.ask(lambda driver: driver.tries_left(), service)
            except (LockedOut, CertificateChanged):
                raise
            except DeviceError:
                continue  # it does not tell; then only ours are known
            if left is not None and left <= 1:
                raise TriesSpent

    def _at(self, service: Service | None, login: Login) -> bool:
        return self.check(login, service)

    def _run(self, call: Coroutine[Any, Any, T]) -> T:
        if time.monotonic() - self._renewed > RENEW_AFTER:
            renew(self._holder)
            self._renewed = time.monotonic()
        ends = min(self._ends, time.monotonic() + LONGEST_CALL)
        try:
            return self._runner.run(_until(call, ends))
        except CertificateChanged as error:
            handle(RecordCertificateChange(error.port, error.seen), self.device.id, self.by)
            raise

    def _address(self, service: Service | None) -> Address:
        port, tls = (service.port, service.tls) if service else (self.device.port, self.device.tls)
        path = Address("", 0).path if service else self.device.path
        address = Address(self.device.host, port, tls, path)
        if not tls:
            return address
        pins = {pin["port"]: pin["certificate"] for pin in self.device.pins}
        if port not in pins:
            pins[port] = self._run(http.certificate_of(address))
            handle(PinCertificate(port, pins[port]), self.device.id, self.by)
            self.device.refresh_from_db(fields=["pins"])
        return Address(self.device.host, port, tls, path, pins[port])


async def _until(call: Coroutine[Any, Any, T], ends: float) -> T:
    try:
        async with asyncio.timeout(max(ends - time.monotonic(), 0.1)):
            return await call
    except TimeoutError as error:
        raise Unreachable("The device takes too long.") from error
