"""A VIGI NVR's OpenAPI: does a login open it, and what is on its channels.

By the vendor's NVR Open API document, V1.0. HTTPS, mostly on port 20443. It has no call for
passwords or accounts. Tokens and all other texts come percent-encoded.
"""

import re
from dataclasses import dataclass, field
from time import monotonic
from types import MappingProxyType
from typing import Annotated, ClassVar, Literal
from urllib.parse import quote, unquote

import msgspec

from devices.drivers import digest
from devices.drivers.base import Address, Channel, Driver, Login
from devices.drivers.errors import (
    BadAnswer,
    Declined,
    DeviceError,
    FactoryFresh,
    LockedOut,
    NotAuthorised,
    OpensToAnything,
)
from devices.drivers.http import DEFAULT_TIMEOUT, Answer, request
from devices.drivers.logins import refuse_unsendable
from devices.drivers.vigi_messages import SessionOver, host, mac, read, refusal, text

_TOKEN = "/openapi/token"  # noqa: S105  # nosec B105
_DEVICES = "/openapi/added_devices"
_NO_HEADERS: MappingProxyType[str, str] = MappingProxyType({})
_EARLY = 30
"""Seconds before its end that a token is renewed."""


class _Tokens(msgspec.Struct):
    access_token: Annotated[str, msgspec.Meta(max_length=8192)]
    refresh_token: Annotated[str, msgspec.Meta(max_length=8192)] = ""
    expires_in: Annotated[int, msgspec.Meta(ge=0, lt=100_000_000)] = 1800


class _Camera(msgspec.Struct):
    id: Annotated[int, msgspec.Meta(ge=1, le=1024)]
    online: Literal["0", "1", 0, 1]
    name: str = ""
    alias: str = ""
    ip: str = ""
    mac: str = ""


class _Cameras(msgspec.Struct):
    devices: Annotated[list[_Camera], msgspec.Meta(max_length=1024)]


@dataclass(frozen=True, slots=True)
class _Session:
    """``until`` by the monotonic clock, in seconds."""

    login: Login
    access: str = field(repr=False)
    refresh: str = field(repr=False)
    until: float

    @property
    def header(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access}"}


class VigiNvr(Driver):
    """One NVR. ``timeout`` in seconds, for each exchange."""

    name: ClassVar[str] = "vigi_nvr"

    def __init__(self, address: Address, timeout: float = DEFAULT_TIMEOUT) -> None:
        super().__init__(address, timeout)
        self._session: _Session | None = None

    async def check(self, login: Login) -> bool:
        try:
            await self._log_in(login)
        except NotAuthorised:
            return False
        return True

    async def channels(self, login: Login) -> tuple[Channel, ...]:
        """The recorder's list as it is: two channels may name one camera (same ``mac``)."""
        session = await self._open_session(login)
        try:
            found = await self._cameras(session)
        except SessionOver:
            found = await self._cameras(await self._log_in(login))
        channels = tuple(_channel(camera) for camera in found.devices)
        if len({channel.number for channel in channels}) != len(channels):
            raise BadAnswer("The recorder names one channel twice.")
        return channels

    async def _cameras(self, session: _Session) -> _Cameras:
        return read(await self._get(_DEVICES, session.header), _Cameras, session=True)

    async def _open_session(self, login: Login) -> _Session:
        session = self._session
        if session is None or session.login != login:
            return await self._log_in(login)
        if monotonic() < session.until:
            return session
        return await self._renew(session)

    async def _renew(self, session: _Session) -> _Session:
        query = f"grant_type=refresh_token&refresh_token={quote(session.refresh, safe='')}"
        try:
            answer = await self._get(f"{_TOKEN}?{query}", session.header)
            return self._keep(read(answer, _Tokens), session.login)
        except (SessionOver, NotAuthorised, Declined, BadAnswer):
            pass  # the token is too old as well, or says more of that than we understand
        except DeviceError as error:
            raise error from None  # what caused it may show the URL, and so the token
        return await self._log_in(session.login)

    async def _log_in(self, login: Login) -> _Session:
        """Spend one login try, or none if the recorder says before that it would be in vain."""
        refuse_unsendable(login)
        asked = await self._get(_TOKEN)
        challenge = _challenge_in(asked)
        if challenge is None:
            raise self._unasked(asked)
        error = refusal(asked)
        if isinstance(error, LockedOut | FactoryFresh):
            raise error
        answer = await self._get(
            _TOKEN, {"Authorization": challenge.answer(login, "GET", _TOKEN, 1)}
        )
        try:
            return self._keep(read(answer, _Tokens), login)
        except (BadAnswer, NotAuthorised):
            again = _challenge_in(answer)
            if again is None:
                raise
        # Asked once more, be it with status 401 or 200: that is how a wrong login is refused.
        if again.stale:
            raise BadAnswer("The recorder takes its own fresh challenge for an old one.")
        raise NotAuthorised

    def _unasked(self, answer: Answer) -> DeviceError:
        try:
            read(answer, _Tokens)
        except NotAuthorised:
            return BadAnswer("The recorder asks for a login in a way that is not supported.")
        except DeviceError as error:
            return error
        return OpensToAnything()

    def _keep(self, given: _Tokens, login: Login) -> _Session:
        access = unquote(given.access_token)
        if not re.fullmatch(r"[!-~]+", access):
            raise BadAnswer("The recorder's token is none.")
        self._session = _Session(
            login,
            access,
            unquote(given.refresh_token),
            monotonic() + given.expires_in - _EARLY,
        )
        return self._session

    async def _get(
        self, path: str, headers: MappingProxyType[str, str] | dict[str, str] = _NO_HEADERS
    ) -> Answer:
        return await request(self._address, "GET", path, headers=headers, timeout=self._timeout)


def _challenge_in(answer: Answer) -> digest.Challenge | None:
    return digest.challenge(answer.headers.get("www-authenticate", ()))


def _channel(camera: _Camera) -> Channel:
    return Channel(
        number=camera.id,
        name=text(camera.alias) or text(camera.name),  # name is what is drawn into the picture
        online=camera.online in ("1", 1),
        host=host(camera.ip),
        mac=mac(camera.mac),
    )
