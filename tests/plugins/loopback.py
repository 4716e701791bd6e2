"""No connection that a test makes leaves this machine: elsewhere it is as if there were no network.

The made-up devices of the documentation's networks (RFC 5737) are then away at once, and not after
a time-out.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import Any

_connect, _connect_ex = socket.socket.connect, socket.socket.connect_ex


def pytest_configure() -> None:
    socket.socket.connect = _here  # type: ignore[method-assign]
    socket.socket.connect_ex = _here_ex  # type: ignore[method-assign]


def pytest_unconfigure() -> None:
    socket.socket.connect = _connect  # type: ignore[method-assign]
    socket.socket.connect_ex = _connect_ex  # type: ignore[method-assign]


def _leaves(one: socket.socket, address: Any) -> bool:
    if one.family not in (socket.AF_INET, socket.AF_INET6) or one.type != socket.SOCK_STREAM:
        return False
    try:
        return not ipaddress.ip_address(address[0]).is_loopback
    except ValueError:  # a name
        return address[0] not in ("", "localhost")


def _here(one: socket.socket, address: Any) -> None:
    if _leaves(one, address):
        raise OSError(errno.ENETUNREACH, "a test stays on this machine")
    _connect(one, address)


def _here_ex(one: socket.socket, address: Any) -> int:
    return errno.ENETUNREACH if _leaves(one, address) else _connect_ex(one, address)
