"""A process that may open no more files: that is said of nobody but the process."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from devices.drivers import address_scan, http, reach, rtsp, ws_discovery
from devices.drivers.base import Address, Login
from devices.drivers.errors import OutOfFiles

NOBODY = Address("127.0.0.1", 9)
TOO_MANY = OSError(errno.EMFILE, "Too many open files")


def ask_by_http() -> Coroutine[Any, Any, Any]:
    return http.post(NOBODY, b"", {})


def ask_by_rtsp() -> Coroutine[Any, Any, Any]:
    return rtsp.Rtsp(NOBODY).check(Login("admin", "made-up-1"))


def knock() -> Coroutine[Any, Any, Any]:
    return address_scan._accepts(NOBODY.host, NOBODY.port, address_scan._Pace(1000), 1.0)


def search() -> Coroutine[Any, Any, Any]:
    return ws_discovery.probe(interface="127.0.0.1", within=(), seconds=0.1)


@pytest.mark.parametrize("ask", [ask_by_http, ask_by_rtsp, knock, search])
def test_it_is_not_taken_for_a_silent_device(
    ask: Callable[[], Coroutine[Any, Any, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object, **__: object) -> None:
        raise TOO_MANY

    def no_socket(*_: object) -> None:
        OutOfFiles.if_so(TOO_MANY)

    monkeypatch.setattr(reach, "new_socket", no_socket)
    monkeypatch.setattr(asyncio, "open_connection", refused)
    with pytest.raises(OutOfFiles):
        asyncio.run(ask())
