"""The web API of a virtual recorder: what its own page does with the cameras on its channels. No
I/O.

Written from notes on the vendor's page and on a client that has driven it; there is no document.
Login as of ``local_api``. In a session, each call as {"method": …, "chm": …}::

    get {"table": "added_dev"}                  its list; a row alone, or under its own name
    do chm_del_dev {"ids": ["7"]}               removes
    do chm_add_dev_list {"device_list": [...]}  adds, on the first free channel, named by its model
    do chm_mod_dev_chn {"old_id", "new_id"}     moves, and pushes aside whatever is there
    do chm_edit_dev {row}                       another name, username and password; nothing else

A camera's password travels as ``ciphertext``: RSA by the key in the page's script, ``encryptPub``.
Text is percent-encoded both ways. How a password that does not open the camera is taken was not
seen: mostly it is stored, and the row says so.
"""

import hashlib
from base64 import b64decode
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

from devices.virtual.device import ChannelCopy, Device
from devices.virtual.local_api import (
    MISSING_PARAMETER,
    OK,
    PARAMETER_ERROR,
    LocalApi,
    Refused,
    said,
)
from devices.virtual.service import Cameras, Reply, Request
from devices.virtual.spec import Auth, NvrTraits
from devices.virtual.vendor_keys import vendor_key

SCRIPT = "/web-static/lib/jquery-1.10.1.js"
NO_PERMISSION = -70303
WRONG_CHANNEL = -71501
CANNOT_REMOVE = -71521
CAMERA_REFUSED = -71554
STILL_TRYING = -71558
DOWN = -71559
PROTOCOL = "onvif"
HESITATES = 2
"""How many lists a hesitant recorder gives after a change before it tells the outcome."""
_PAGE_KEY = 0  # the same in every recorder: it is in the firmware


class RecorderApi(LocalApi):
    """The API of one recorder that is on."""

    __slots__ = ("_cameras", "_hesitating")
    device_type = "SMART.NVR"

    def __init__(self, device: Device, cameras: Cameras) -> None:
        super().__init__(device)
        self._cameras = cameras
        self._hesitating: dict[int, int] = {}  # by channel

    def answer(self, request: Request) -> Reply:
        if request.target == SCRIPT:
            return self._script() if request.method == "GET" else Reply(405)
        return super().answer(request)

    def _script(self) -> Reply:
        """What a browser loads: somewhere in it is the key for cameras' passwords."""
        key = vendor_key(_PAGE_KEY).public
        lines = "\\n".join(["", *(key[i : i + 64] for i in range(0, len(key), 64)), ""])
        pem = f"-----BEGIN PUBLIC KEY-----{lines}-----END PUBLIC KEY-----"
        shown = "" if self._is(NvrTraits.KEYLESS) else f'encryptPub:"{pem}",'
        body = f"(function($){{$.extend({{encryptEnable:true,{shown}orgURL:''}})}})(jQuery);"
        return Reply(200, body.encode(), {"content-type": "application/javascript"})

    def _is(self, trait: NvrTraits) -> bool:
        return trait in self._device.spec.nvr_traits

    def _called(self, username: str, given: dict[str, Any], now: float) -> Reply:
        asked = given.get("chm")
        if not isinstance(asked, dict):
            return super()._called(username, given, now)
        if given.get("method") == "get" and asked == {"table": "added_dev"}:
            self._device.called("added_dev")
            return said(OK, chm={"added_dev": self._listed()})
        if given.get("method") != "do" or len(asked) != 1:
            raise Refused(PARAMETER_ERROR)
        [(name, what)] = asked.items()
        if name not in _CALLS or not isinstance(what, dict):
            raise Refused(PARAMETER_ERROR)
        self._device.called(name)
        if self.level(username) != "Administrator":
            raise Refused(NO_PERMISSION)
        _CALLS[name](self, what)
        return said(OK, changed=True)

    # -- the list ---------------------------------------------------------------------------------

    def _listed(self) -> list[dict[str, Any]]:
        rows = [(n, self._row(n, copy)) for n, copy in sorted(self._device.channels.items())]
        if self._device.spec.auth is Auth.WS:
            return [row for _, row in rows]
        return [{f"chn_{number}": row} for number, row in rows]

    def _row(self, number: int, copy: ChannelCopy) -> dict[str, str]:
        online, connected, authenticated = self._standing(number)
        told = {
            "id": str(number),
            "uuid": _uuid(copy.serial),
            "name": copy.alias,
            "ip": copy.host,
            "port": str(copy.port),
            "mac": copy.mac.lower(),
            "connect_prot": PROTOCOL,
            "username": copy.username,
            "online": online,
            "conn_status": connected,
            "auth_result": authenticated,
        }
        return {name: quote(value, safe="") for name, value in told.items()}

    def _standing(self, number: int) -> tuple[str, str, str]:
        if left := self._hesitating.pop(number, 0):
            if left > 1:
                self._hesitating[number] = left - 1
            return "0", str(STILL_TRYING), str(STILL_TRYING)
        match self._cameras.opens(number):
            case None:
                return "0", str(DOWN), str(STILL_TRYING)
            case False:
                return "0", "1", "1"
        return "1", "0", "0"

    # -- changes ----------------------------------------------------------------------------------

    def _remove(self, what: dict[str, Any]) -> None:
        ids = what.get("ids")
        if not isinstance(ids, list):
            raise Refused(MISSING_PARAMETER)
        numbers = [self._channel(one) for one in ids]
        if self._is(NvrTraits.KEEPS):
            raise Refused(CANNOT_REMOVE)
        if not self._is(NvrTraits.NODS):
            for number in numbers:
                del self._device.channels[number]

    def _add(self, what: dict[str, Any]) -> None:
        listed = what.get("device_list")
        if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
            raise Refused(MISSING_PARAMETER)
        if self._is(NvrTraits.REFUSES):
            raise Refused(WRONG_CHANNEL)
        for one in listed:
            self._add_one(one)

    def _add_one(self, given: dict[str, Any]) -> None:
        host, port, protocol = (_text(given, name) for name in ("ip", "port", "connect_prot"))
        username, password = self._login_in(given)
        found = self._cameras.at(host, int(port)) if port.isdigit() else None
        if found is None or protocol != PROTOCOL:
            raise Refused(WRONG_CHANNEL)
        channels = self._device.channels
        there = (n for n in range(1, self._device.spec.max_channels + 1) if n not in channels)
        free = next(there, None)
        if free is None or any(copy.serial == found.serial for copy in channels.values()):
            raise Refused(WRONG_CHANNEL)
        name = found.model  # whatever it was called before
        copy = ChannelCopy(
            found.serial, "IPC", name, host, int(port), found.mac, username, password
        )
        self._store(free, copy)

    def _edit(self, what: dict[str, Any]) -> None:
        number = self._channel(what.get("id"))
        known = self._device.channels[number]
        if _text(what, "uuid") != _uuid(known.serial):
            raise Refused(WRONG_CHANNEL)
        username, password = self._login_in(what)
        copy = ChannelCopy(
            known.serial, known.name, _text(what, "name"), known.host, known.port, known.mac,
            username, password,
        )  # fmt: skip
        self._store(number, copy)

    def _store(self, number: int, copy: ChannelCopy) -> None:
        """Keep what was sent, and try it at the camera's own door."""
        channels, before = self._device.channels, self._device.channels.get(number)
        if self._is(NvrTraits.NODS):
            return
        channels[number] = copy
        self._cameras.tried(copy.serial, copy.username, copy.password)
        if self._is(NvrTraits.STRICT) and self._cameras.opens(number) is False:
            del channels[number]
            if before is not None:
                channels[number] = before
            raise Refused(CAMERA_REFUSED)
        if self._is(NvrTraits.HESITANT):
            self._hesitating[number] = HESITATES

    def _move(self, what: dict[str, Any]) -> None:
        old, new = self._channel(what.get("old_id")), unquote(str(what.get("new_id")))
        if not new.isdigit() or not 1 <= int(new) <= self._device.spec.max_channels:
            raise Refused(WRONG_CHANNEL)
        if not (self._is(NvrTraits.NODS) or self._is(NvrTraits.STUCK)):
            self._device.channels[int(new)] = self._device.channels.pop(old)

    def _channel(self, given: Any) -> int:
        number = unquote(str(given))
        if not number.isdigit() or int(number) not in self._device.channels:
            raise Refused(WRONG_CHANNEL)
        return int(number)

    def _login_in(self, given: dict[str, Any]) -> tuple[str, str]:
        try:
            closed = b64decode(_text(given, "ciphertext"), validate=True)
        except ValueError as error:
            raise Refused(PARAMETER_ERROR) from error
        opened = vendor_key(_PAGE_KEY).decrypted(closed)
        if not opened:
            raise Refused(PARAMETER_ERROR)
        return _text(given, "username"), opened.decode(errors="replace")


_CALLS: dict[str, Callable[[RecorderApi, dict[str, Any]], None]] = {
    "chm_del_dev": RecorderApi._remove,
    "chm_add_dev_list": RecorderApi._add,
    "chm_edit_dev": RecorderApi._edit,
    "chm_mod_dev_chn": RecorderApi._move,
}


def _text(given: dict[str, Any], name: str) -> str:
    if name not in given:
        raise Refused(MISSING_PARAMETER)
    return unquote(str(given[name]))


def _uuid(serial: str) -> str:
    """What the recorder knows a camera by, wherever it hangs."""
    return hashlib.sha256(f"uuid {serial}".encode()).hexdigest()[:32].upper()
