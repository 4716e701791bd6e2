"""The calls of one rotation by a client that does nothing else: no rules, no log, no vault.

As the product asks: whether it is there; as Rekey's account the list of accounts and the new
password; the new password, a wrong one, the old one, and the new one again. (It sets the password
that is there already, so that a campaign can follow.)
"""

from __future__ import annotations

import re
import secrets
from hashlib import md5, sha256

import aiohttp

from devices.drivers import onvif_messages, soap
from devices.drivers.base import ADMINISTRATOR, Login
from devices.virtual import DeviceSpec

HEADERS = {"Content-Type": "application/soap+xml; charset=utf-8"}
IS_THERE = soap.envelope(onvif_messages.GET_SYSTEM_DATE_AND_TIME)
GUARDED = soap.envelope(onvif_messages.GET_DEVICE_INFORMATION)
USERS = soap.envelope(onvif_messages.GET_USERS)


class Refused(Exception):
    """The device has refused a login that should be right, or is not there."""


async def all_calls(session: aiohttp.ClientSession, spec: DeviceSpec, own: tuple[str, str]) -> None:
    """All the calls for one device; of one that is dead or locked, those up to there."""
    one = _Device(session, spec)
    admin = ("admin", spec.password)
    change = onvif_messages.set_user(Login(*admin), ADMINISTRATOR)
    try:
        await one.ask(IS_THERE)
        await one.challenged()
        await one.login(own, USERS)
        await one.login(own, soap.envelope(change))
        await one.challenged()
        if not await one.opens(admin):
            raise Refused
        await one.challenged()
        for wrong in ("Wrong-1-password", "Wrong-2-password"):
            if await one.opens(("admin", wrong)):
                raise Refused
        await one.opens(admin)
    except (Refused, aiohttp.ClientError):
        pass


class _Device:
    def __init__(self, session: aiohttp.ClientSession, spec: DeviceSpec) -> None:
        self._session, self._path = session, spec.path
        self._url = f"http://{spec.host}:{spec.port}{spec.path}"
        self._challenge, self._count = "", 0

    async def ask(self, body: bytes, headers: dict[str, str] = HEADERS) -> int:
        async with self._session.post(self._url, data=body, headers=headers) as answer:
            await answer.read()
            if "WWW-Authenticate" in answer.headers:
                self._challenge, self._count = answer.headers["WWW-Authenticate"], 0
            return answer.status

    async def challenged(self) -> None:
        if await self.ask(GUARDED) != 401:
            raise Refused

    async def opens(self, login: tuple[str, str]) -> bool:
        return await self._as(login, GUARDED) == 200

    async def login(self, login: tuple[str, str], body: bytes) -> None:
        if await self._as(login, body) != 200:
            raise Refused

    async def _as(self, login: tuple[str, str], body: bytes) -> int:
        self._count += 1
        answer = answered(self._challenge, self._path, *login, self._count)
        return await self.ask(body, HEADERS | {"Authorization": answer})


def answered(challenge: str, path: str, username: str, password: str, count: int = 1) -> str:
    """The Authorization header that answers an HTTP digest challenge."""
    given = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge.partition(" ")[2]))
    algorithm = given.get("algorithm", "MD5")
    make = sha256 if algorithm == "SHA-256" else md5

    def h(text: str) -> str:
        return make(text.encode()).hexdigest()

    cnonce, nc = secrets.token_hex(8), f"{count:08x}"
    a1, a2 = h(f"{username}:{given['realm']}:{password}"), h(f"POST:{path}")
    response = h(f"{a1}:{given['nonce']}:{nc}:{cnonce}:auth:{a2}")
    return (
        f'Digest username="{username}", realm="{given["realm"]}", nonce="{given["nonce"]}",'
        f' uri="{path}", algorithm={algorithm}, qop=auth, nc={nc}, cnonce="{cnonce}",'
        f' response="{response}"'
    )
