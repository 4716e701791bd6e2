"""The virtual fleet on real sockets: each device at its own port of loopback."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from threading import Thread
from typing import TypeVar

from aiohttp import web

from devices.virtual.device import Character, Device, DeviceSpec
from devices.virtual.memory import Memory
from devices.virtual.onvif_service import OnvifService
from devices.virtual.service import Request

HOST = "127.0.0.1"

_T = TypeVar("_T")


class PortTaken(Exception):
    """Somebody else listens there."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"Port {port} of {HOST} is taken. Stop what listens there, or choose other ports."
        )
        self.port = port


class Host:
    """One device at its port. While it is off the port stays ours, and refuses connections."""

    def __init__(
        self, device: Device, changed: Callable[[], None], now: Callable[[], float]
    ) -> None:
        self.device = device
        self.on = False
        self._changed = changed
        self._now = now
        self._service = OnvifService(device)
        self._socket = _bound(device.spec.port)
        self._port: int = self._socket.getsockname()[1]
        self._listening: asyncio.Server | None = None
        self._connections: web.Server | None = None

    @property
    def address(self) -> tuple[str, int]:
        return HOST, self._port

    async def switch_on(self) -> None:
        self.on = True
        if self._listening or self.device.is_(Character.DEAD):
            return
        self.device.restarted()
        self._service = OnvifService(self.device)
        self._connections = web.Server(self._answer, access_log=None)
        try:
            self._listening = await asyncio.get_running_loop().create_server(
                self._connections, sock=self._socket, backlog=128
            )
        except OSError as error:  # two may hold a port as long as neither listens
            raise PortTaken(self._port) from error

    async def switch_off(self) -> None:
        self.on = False
        if self._listening and self._connections:
            self._listening.close()
            await self._connections.shutdown(timeout=0.01)  # to aiohttp 0 means without end
            self._listening = self._connections = None
            self._socket = _bound(self._port)

    def close(self) -> None:
        self._socket.close()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        await asyncio.sleep(self.device.spec.delay)
        reply = self._service.answer(
            Request(
                request.method, request.raw_path, headers, body, request.remote or "", self._now()
            )
        )
        if reply.changed:
            self._changed()  # kept before the answer is given
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers)


class Fleet:
    """All devices of one process. ``now`` is the world's clock, in seconds since 1970."""

    def __init__(
        self,
        specs: Iterable[DeviceSpec],
        *,
        memory: Path | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._memory = Memory(memory)
        self.hosts: dict[str, Host] = {}
        devices = [Device(spec) for spec in specs]
        self._memory.recall(devices)
        try:
            for device in devices:
                self.hosts[device.spec.serial] = Host(device, self._keep, now)
        except PortTaken:
            self._close()
            raise

    async def start(self) -> None:
        for host in self.hosts.values():
            await host.switch_on()

    async def stop(self) -> None:
        for host in self.hosts.values():
            await host.switch_off()
        self._close()

    def address(self, serial: str) -> tuple[str, int]:
        return self.hosts[serial].address

    def device(self, serial: str) -> Device:
        return self.hosts[serial].device

    def opens(self, serial: str, username: str, password: str) -> bool:
        """Whether a login opens a device; costs none of its login tries."""
        return self.device(serial).opens(username, password)

    def change_password(self, serial: str, username: str, password: str) -> None:
        """Change a password on the device itself, behind everybody's back."""
        self.device(serial).change_password(username, password)
        self._keep()

    def calls(self, serial: str) -> Mapping[str, int]:
        """How often each operation was called, and ``failed_logins``."""
        device = self.device(serial)
        return {**device.calls, "failed_logins": device.failed_logins}

    async def power(self, serial: str, on: bool) -> None:
        host = self.hosts[serial]
        await (host.switch_on() if on else host.switch_off())

    def _keep(self) -> None:
        self._memory.keep(host.device for host in self.hosts.values())

    def _close(self) -> None:
        for host in self.hosts.values():
            host.close()


@asynccontextmanager
async def running_fleet(
    specs: Iterable[DeviceSpec],
    *,
    memory: Path | None = None,
    now: Callable[[], float] = time.time,
) -> AsyncIterator[Fleet]:
    """A fleet on the running event loop, for as long as the block lasts."""
    fleet = Fleet(specs, memory=memory, now=now)
    try:
        await fleet.start()
        yield fleet
    finally:
        await fleet.stop()


class ThreadedFleet:
    """A fleet in a thread of its own, asked from synchronous code."""

    def __init__(self, fleet: Fleet, loop: asyncio.AbstractEventLoop) -> None:
        self._fleet = fleet
        self._loop = loop

    def address(self, serial: str) -> tuple[str, int]:
        return self._fleet.address(serial)

    def opens(self, serial: str, username: str, password: str) -> bool:
        return self._ask(lambda: self._fleet.opens(serial, username, password))

    def change_password(self, serial: str, username: str, password: str) -> None:
        self._ask(lambda: self._fleet.change_password(serial, username, password))

    def calls(self, serial: str) -> Mapping[str, int]:
        return self._ask(lambda: self._fleet.calls(serial))

    def power(self, serial: str, on: bool) -> None:
        asyncio.run_coroutine_threadsafe(self._fleet.power(serial, on), self._loop).result(10)

    def _ask(self, question: Callable[[], _T]) -> _T:
        async def asked() -> _T:
            return question()

        return asyncio.run_coroutine_threadsafe(asked(), self._loop).result(10)


@contextmanager
def fleet_in_thread(
    specs: Iterable[DeviceSpec],
    *,
    memory: Path | None = None,
    now: Callable[[], float] = time.time,
) -> Iterator[ThreadedFleet]:
    """A fleet that answers on its sockets while the block's synchronous code runs."""
    fleet = Fleet(specs, memory=memory, now=now)
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="virtual fleet", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(fleet.start(), loop).result(10)
        yield ThreadedFleet(fleet, loop)
    finally:
        asyncio.run_coroutine_threadsafe(fleet.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def _bound(port: int) -> socket.socket:
    """A socket that holds a port without listening: connections to it are refused."""
    held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind((HOST, port))
    except OSError as error:
        held.close()
        raise PortTaken(port) from error
    held.setblocking(False)
    return held
