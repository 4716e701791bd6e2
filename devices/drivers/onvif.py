"""ONVIF Device Management: identity and accounts of a camera or an NVR.

A device guards its calls with HTTP digest or with a WS-UsernameToken, and which of the two it
shows when it is asked without either. That first question also finds a call that the device does
guard, since some give an identity or an (empty) list of accounts to anybody, and a login that is
tried on such a call proves nothing. A device that guards no call at all is factory-fresh if it has
no accounts (see ``is_fresh``), and otherwise one that opens to anything.
"""

import time
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar, NamedTuple
from xml.etree.ElementTree import Element  # nosec B405

from devices.drivers import digest, soap
from devices.drivers import onvif_messages as messages
from devices.drivers.base import (
    ADMINISTRATOR,
    Account,
    Address,
    Driver,
    Identity,
    Login,
    PasswordRules,
    Service,
)
from devices.drivers.errors import (
    BadAnswer,
    CertificateChanged,
    ClockRefused,
    Declined,
    DeviceError,
    FactoryFresh,
    ForbiddenAddress,
    NotAuthorised,
    NotFresh,
    NotSupported,
    OpensToAnything,
    PasswordRefused,
    UnknownAccount,
    Unreachable,
    UsernameClash,
    UsernameRefused,
)
from devices.drivers.http import DEFAULT_TIMEOUT, Answer, post, travelling

# What most devices guard comes first: it is asked before each check by a driver that is new.
_QUESTIONS = (
    ("GetDeviceInformation", messages.GET_DEVICE_INFORMATION),
    ("GetUsers", messages.GET_USERS),
    ("GetNetworkInterfaces", messages.GET_NETWORK_INTERFACES),
)
_ACTION = "http://www.onvif.org/ver10/device/wsdl/"


class _Gate(NamedTuple):
    """A call that the device guards, and how."""

    operation: str
    request: str
    http_digest: bool


class Onvif(Driver):
    """One device's ONVIF service. ``timeout`` in seconds, for each exchange."""

    name: ClassVar[str] = "onvif"

    def __init__(self, address: Address, timeout: float = DEFAULT_TIMEOUT) -> None:
        super().__init__(address, timeout)
        self._gate: _Gate | None = None
        self._clock: timedelta | None = None
        self._challenge: digest.Challenge | None = None
        self._answered = 0
        self._accepted: Login | None = None

    async def identify(self, login: Login | None = None) -> Identity:
        """What the device says it is; with a login also its MAC address, where it tells that."""
        identity = messages.identity_of(
            await self._call("GetDeviceInformation", messages.GET_DEVICE_INFORMATION, login)
        )
        if login is None:
            return identity
        try:
            interfaces = await self._call(
                "GetNetworkInterfaces", messages.GET_NETWORK_INTERFACES, login
            )
            return replace(identity, mac=messages.mac_of(interfaces))
        except (BadAnswer, Declined, NotAuthorised, NotSupported):
            return identity

    async def is_there(self) -> None:
        try:
            await self._call("GetSystemDateAndTime", messages.GET_SYSTEM_DATE_AND_TIME)
        except (Unreachable, BadAnswer, CertificateChanged, ForbiddenAddress):
            raise
        except DeviceError:
            pass  # it answers, if only to refuse

    async def check(self, login: Login) -> bool:
        gate = await self._learn()
        try:
            await self._call(gate.operation, gate.request, login)
        except (NotAuthorised, Declined):
            return False  # the call has nothing in it that could be declined, but the login
        return True

    async def is_fresh(self) -> bool:
        """Whether it has no account: it tells what it is, its (empty) list of accounts and its
        network to anybody, though a device that has accounts guards one of the three at least.

        ONVIF has no word for it. A fresh device that refuses these calls in its own way does not
        show as one, and a list that is empty while another call is guarded proves nothing.
        """
        try:
            await self._learn()
        except FactoryFresh:
            return True
        except OpensToAnything:
            return False
        return False

    async def activate(self, new: Login, reset_email: str, recovery_key: bytes = b"") -> None:
        """Make the first account of a fresh device, an administrator.

        ONVIF carries neither a Reset Password Email nor a recovery key: both are left out.
        NotFresh may also mean that an earlier call did it and its answer was lost: check ``new``.
        """
        _writable(new)
        if not await self.is_fresh():
            raise NotFresh
        try:
            await self._call("CreateUsers", messages.create_users(new, ADMINISTRATOR), changes=True)
        except (NotAuthorised, UsernameClash) as error:
            raise NotFresh from error

    async def services(self, login: Login) -> tuple[Service, ...]:
        return messages.services_of(
            await self._call("GetNetworkProtocols", messages.GET_NETWORK_PROTOCOLS, login)
        )

    async def accounts(self, login: Login) -> tuple[Account, ...]:
        return messages.accounts_of(await self._call("GetUsers", messages.GET_USERS, login))

    async def create_account(self, login: Login, new: Login, level: str = ADMINISTRATOR) -> None:
        _writable(new)
        await self._change(login, "CreateUsers", messages.create_users(new, level))

    async def set_password(self, login: Login, username: str, new_password: str) -> None:
        changed = Login(username, new_password)
        _writable(changed)
        level = await self._level(login, username)
        await self._change(login, "SetUser", messages.set_user(changed, level))

    async def delete_account(self, login: Login, username: str) -> None:
        _writable(Login(username, ""))
        await self._change(login, "DeleteUsers", messages.delete_users(username))

    async def rules(self) -> PasswordRules:
        return messages.rules_of(
            await self._call("GetServiceCapabilities", messages.GET_SERVICE_CAPABILITIES)
        )

    async def _level(self, login: Login, username: str) -> str:
        """The level of an account, since SetUser wants it too, and some servers make a user that
        they do not find. Raises UnknownAccount."""
        users = await self._call("GetUsers", messages.GET_USERS, login)
        if username == login.username and not messages.names_accounts(users):
            return ADMINISTRATOR  # some name nobody; who may set a password by ONVIF is that
        for account in messages.accounts_of(users):
            if account.username == username:
                return account.level
        raise UnknownAccount

    async def _change(self, login: Login, operation: str, request: str) -> None:
        try:
            await self._call(operation, request, login, changes=True)
        except NotSupported as error:
            raise NotSupported("The device has no user management by ONVIF.") from error

    async def _call(
        self, operation: str, request: str, login: Login | None = None, *, changes: bool = False
    ) -> Element:
        if login is not None and (_has_control(login.username) or _has_control(login.password)):
            raise NotAuthorised("The login holds characters that no device takes.")
        if login is None:
            answer = await self._post(operation, soap.envelope(request))
        elif (await self._learn()).http_digest:
            answer = await self._post_with_digest(operation, request, login, changes)
        else:
            token = soap.username_token(login, await self._now())
            answer = await self._post(operation, soap.envelope(request, token), changes=changes)
        try:
            return soap.read(answer, operation)
        except (BadAnswer, Unreachable) as error:
            error.maybe_done = changes
            raise
        except ClockRefused:
            self._clock = None  # it was set since it was asked for
            raise

    async def _learn(self) -> _Gate:
        """Find a call that is refused without a login, and by the refusal the authentication."""
        if self._gate is None:
            self._gate = await self._find_gate()
        return self._gate

    async def _find_gate(self) -> _Gate:
        second_best, nobody = None, False
        for operation, request in _QUESTIONS:
            answer = await self._post(operation, soap.envelope(request))
            try:
                told = soap.read(answer, operation)
            except NotAuthorised:
                self._keep_challenge(answer)
                return _Gate(operation, request, self._challenge is not None)
            except Declined:  # some servers give no reason for any refusal
                second_best = second_best or _Gate(operation, request, False)
            except NotSupported:
                if operation == "GetDeviceInformation":  # each device has that, so this is none
                    raise
            else:
                nobody = nobody or (operation == "GetUsers" and not messages.names_accounts(told))
        if second_best is None:
            raise FactoryFresh if nobody else OpensToAnything
        return second_best

    async def _post_with_digest(
        self, operation: str, request: str, login: Login, changes: bool
    ) -> Answer:
        # A challenge is used again only for the login that it has accepted. Otherwise a refusal
        # could mean an old challenge as well as a wrong password, and finding out costs a try.
        if self._answered and login != self._accepted:
            gate = await self._learn()
            self._keep_challenge(await self._post(gate.operation, soap.envelope(gate.request)))
        trusted = login == self._accepted
        answer = await self._answer_challenge(operation, request, login, changes)
        if answer.status == 401:
            self._accepted = None
            self._keep_challenge(answer)
            if (trusted or (self._challenge and self._challenge.stale)) and not self._answered:
                answer = await self._answer_challenge(operation, request, login, changes)
        if answer.status == 200:
            self._accepted = login
        return answer

    async def _answer_challenge(
        self, operation: str, request: str, login: Login, changes: bool
    ) -> Answer:
        if self._challenge is None:
            raise BadAnswer("The device asks for a login in a way that is not supported.")
        self._answered += 1
        authorization = self._challenge.answer(
            login, "POST", travelling(self._address.path), self._answered
        )
        return await self._post(
            operation, soap.envelope(request), {"Authorization": authorization}, changes=changes
        )

    def _keep_challenge(self, answer: Answer) -> None:
        found = digest.challenge(answer.headers.get("www-authenticate", ()))
        if found is not None:
            self._challenge, self._answered = found, 0

    async def _now(self) -> datetime:
        """The time by the device's clock, asked once; ours where it does not tell."""
        if self._clock is None:
            theirs = None
            try:
                theirs = messages.utc_of(
                    await self._call("GetSystemDateAndTime", messages.GET_SYSTEM_DATE_AND_TIME)
                )
            except Unreachable:
                raise
            except DeviceError:
                pass
            ours = datetime.fromtimestamp(time.time(), UTC)
            self._clock = theirs - ours if theirs else timedelta(0)
        return datetime.fromtimestamp(time.time(), UTC) + self._clock

    async def _post(
        self,
        operation: str,
        body: bytes,
        headers: dict[str, str] | None = None,
        *,
        changes: bool = False,
    ) -> Answer:
        content = f'application/soap+xml; charset=utf-8; action="{_ACTION}{operation}"'
        return await post(
            self._address,
            body,
            {"Content-Type": content, **(headers or {})},
            timeout=self._timeout,
            changes=changes,
        )


def _writable(login: Login) -> None:
    """Refuse what XML or an HTTP header cannot carry unchanged: control characters and the like."""
    if not login.username or _has_control(login.username):
        raise UsernameRefused
    if _has_control(login.password):
        raise PasswordRefused("characters")


def _has_control(value: str) -> bool:
    return not value.isprintable() and any(
        unicodedata.category(character)[0] == "C" for character in value
    )
