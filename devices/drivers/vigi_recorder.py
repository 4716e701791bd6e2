"""What a VIGI NVR has stored of its cameras, changed as the NVR's own page does it.

Unpublished, and not verified on hardware by us. The NVR's published OpenAPI (``vigi_nvr``) has no
call that removes or adds a camera, or that changes the password which the NVR keeps of one. Its own
page, on port 443, has; how sure each of them is (S: a document, R: seen running, C: read in public
client code, U: one source only):

============================== ===================================================================
login, ``stok``                as of ``vigi_local`` (C, three clients)
``added_dev``                  names of the call and of its columns (U), its shape (C, one client)
``chm_del_dev{ids}``           (C, one client)
``chm_add_dev_list``           {device_list: [{connect_prot, ip, port, username, ciphertext,
                               passwd_strength}]}: lands on the first free channel, with a name of
                               the NVR's choosing (C, one client)
``chm_mod_dev_chn``            {old_id, new_id}: pushes aside whatever is on new_id (C, one client)
``chm_edit_dev``               the row of ``added_dev`` with another name, username and ciphertext;
                               another address in it is ignored, with yes (C, one client)
``ciphertext``                 RSA PKCS#1 v1.5 of the password, by the key ``encryptPub`` that lies
                               in the page's own script (C, one client)
``auth_result``                "0": the stored password opens the camera (C); "1": it does not (U);
                               −71558 and −71560 while the NVR is still trying (C, one client)
============================== ===================================================================

The one client names NVR1016H, firmware 1.1.3, as what it was tried on. ``chm_mod_dev_passwd{id,
old_passwd, new_passwd, …}``, known by name alone, seems to change the password *of the camera*: it
is not used. That the NVR says yes proves nothing: whoever changes something reads the list again.
"""

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar
from urllib.parse import quote

import msgspec

from devices.drivers.base import Channel, Login, StoredCamera
from devices.drivers.errors import (
    BadAnswer,
    ChannelTaken,
    NotSupported,
    PasswordRefused,
    UnknownCamera,
)
from devices.drivers.http import Answer, request
from devices.drivers.logins import refuse_unsendable
from devices.drivers.vigi_local import VigiLocal, sealed
from devices.drivers.vigi_messages import SessionOver, host, mac, read, refusal, text

_SCRIPT = "/web-static/lib/jquery-1.10.1.js"
_KEY = re.compile(
    r'encryptPub\s*:\s*"-----BEGIN PUBLIC KEY-----([^"]{1,4096}?)-----END PUBLIC KEY-----'
)
_LONGEST = 117
"""Bytes of a password that its key, of 1024 bits, takes."""
_OPENS, _REFUSED = "0", ("1", "-71554")


class _Row(msgspec.Struct):
    id: Annotated[int, msgspec.Meta(ge=1, le=1024)]
    online: str | int = ""
    name: str = ""
    ip: str = ""
    port: str | int = ""
    mac: str = ""
    uuid: str = ""
    connect_prot: str = ""
    conn_status: str | int = ""
    auth_result: str | int = ""


class _Table(msgspec.Struct):
    added_dev: Annotated[list[dict[str, Any]], msgspec.Meta(max_length=1024)]


class _Listed(msgspec.Struct):
    chm: _Table


class _Done(msgspec.Struct):
    error_code: int


@dataclass(frozen=True, slots=True)
class _Session:
    login: Login
    stok: str = field(repr=False)


class VigiRecorder(VigiLocal):
    """One NVR. ``timeout`` in seconds, for each exchange."""

    name: ClassVar[str] = "vigi_recorder"
    _session: _Session | None = None

    async def channels(self, login: Login) -> tuple[Channel, ...]:
        return await self.cameras(login)

    async def cameras(self, login: Login) -> tuple[StoredCamera, ...]:
        """The list as it is: two channels may name one camera (same ``key``)."""
        return tuple(camera for camera, _ in await self._rows(login))

    async def remove_camera(self, login: Login, camera: StoredCamera) -> None:
        await self._row_of(login, camera)
        await self._change(login, "chm_del_dev", {"ids": [str(camera.number)]})

    async def add_camera(self, login: Login, camera: StoredCamera, opened_by: Login) -> None:
        """``number`` and ``name`` are not heeded. Raises NotSupported where it is not known what
        the NVR calls the way in which it talks to the camera."""
        if not camera.protocol:
            raise NotSupported("It is not known how the recorder talks to this camera.")
        added = {
            "connect_prot": _quoted(camera.protocol),
            "ip": _quoted(camera.host),
            "port": str(camera.port),
            **await self._sealed(opened_by),
            "passwd_strength": "low",  # nosec B105
        }
        await self._change(login, "chm_add_dev_list", {"device_list": [added]})

    async def move_camera(self, login: Login, camera: StoredCamera, number: int) -> None:
        await self._row_of(login, camera)
        if number == camera.number:
            return
        if any(other.number == number for other in await self.cameras(login)):
            raise ChannelTaken  # the NVR would push it aside
        ids = {"old_id": str(camera.number), "new_id": str(number)}
        await self._change(login, "chm_mod_dev_chn", ids)

    async def set_camera_login(self, login: Login, camera: StoredCamera, opened_by: Login) -> None:
        row = await self._row_of(login, camera)
        changed = {"name": _quoted(camera.name), **await self._sealed(opened_by)}
        await self._change(login, "chm_edit_dev", row | changed)

    # --- the list ---------------------------------------------------------------------------------

    async def _rows(self, login: Login) -> list[tuple[StoredCamera, dict[str, Any]]]:
        """Each camera, and its row as the NVR gave it."""
        answer = await self._ask(login, {"method": "get", "chm": {"table": "added_dev"}})
        rows = [_unwrapped(row) for row in read(answer, _Listed, session=True).chm.added_dev]
        cameras = [_camera(row) for row in rows]
        if len({camera.number for camera in cameras}) != len(cameras):
            raise BadAnswer("The recorder names one channel twice.")
        return list(zip(cameras, rows, strict=True))

    async def _row_of(self, login: Login, camera: StoredCamera) -> dict[str, Any]:
        """Its row as it is now: the list may have changed since it was read."""
        for found, row in await self._rows(login):
            if (found.number, found.key) == (camera.number, camera.key):
                return row
        raise UnknownCamera

    # --- asking -----------------------------------------------------------------------------------

    async def _change(self, login: Login, call: str, what: dict[str, Any]) -> None:
        asked = {"method": "do", "chm": {call: what}}
        answer = await self._ask(login, asked, changes=True)
        try:
            read(answer, _Done, session=True)
        except BadAnswer as error:
            error.maybe_done = True
            raise

    async def _ask(
        self, login: Login, question: dict[str, Any], *, changes: bool = False
    ) -> Answer:
        """Ask in the session that there is, or in a new one: a login try each."""
        session = self._session
        if session is not None and session.login == login:
            answer = await self._call(session.stok, question, changes=changes)
            if not isinstance(refusal(answer, session=True), SessionOver):
                return answer
        self._session = _Session(login, await self._log_in(login))
        return await self._call(self._session.stok, question, changes=changes)

    async def _sealed(self, login: Login) -> dict[str, str]:
        """A camera's login as it travels. Raises PasswordRefused, NotSupported, NotAuthorised."""
        refuse_unsendable(login)
        if not self._address.tls:  # who gives the key in the open may be anybody
            raise NotSupported("A camera's password is not sent to the recorder in the open.")
        if len(login.password.encode()) > _LONGEST:
            raise PasswordRefused("too_long")
        key = await self._camera_key()
        return {"username": _quoted(login.username), "ciphertext": sealed(login.password, key)}

    async def _camera_key(self) -> str:
        answer = await request(
            self._address, "GET", _SCRIPT, timeout=self._timeout, fresh_connection=True
        )
        found = _KEY.search(answer.body.decode(errors="replace")) if answer.status == 200 else None
        if found is None:
            raise NotSupported("The recorder does not say how a camera's password travels.")
        return found[1].replace("\\n", "").replace("\\r", "")


def _unwrapped(row: dict[str, Any]) -> dict[str, Any]:
    """A row may come alone, or under its own name: ``{"chn_1": {…}}``."""
    inner = next(iter(row.values())) if len(row) == 1 else None
    return inner if isinstance(inner, dict) else row


def _camera(row: dict[str, Any]) -> StoredCamera:
    try:
        told = msgspec.convert(row, _Row, strict=False)
    except msgspec.ValidationError as error:
        raise BadAnswer("The recorder's list is not what was asked for.") from error
    address, port, hardware = host(told.ip), _port(told.port), mac(told.mac)
    return StoredCamera(
        number=told.id,
        name=text(told.name),
        online=str(told.online) == "1",
        host=address,
        mac=hardware,
        port=port,
        key=text(told.uuid) or hardware or f"{address}:{port}",
        protocol=text(told.connect_prot),
        opens=_opens(str(told.conn_status), str(told.auth_result)),
    )


def _port(value: str | int) -> int:
    given = text(str(value))
    return int(given) if re.fullmatch("[0-9]{1,5}", given) and int(given) <= 65_535 else 0


def _opens(connected: str, authenticated: str) -> bool | None:
    if authenticated in _REFUSED:
        return False
    return True if (connected, authenticated) == (_OPENS, _OPENS) else None


def _quoted(value: str) -> str:
    return quote(value, safe="")
