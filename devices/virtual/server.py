"""The virtual fleet on real sockets, and the same in a thread for synchronous code."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

from devices.virtual.device import ChannelCopy, Device, User
from devices.virtual.discovery import Responder
from devices.virtual.host import HOST, CannotListen, Host, PortTaken
from devices.virtual.memory import Memory
from devices.virtual.service import Found
from devices.virtual.spec import Character, DeviceSpec

__all__ = ["HOST", "Fleet", "Host", "PortTaken", "ThreadedFleet", "fleet_in_thread",
           "running_fleet"]  # fmt: skip

_T = TypeVar("_T")
_OWN_CERTIFICATES = 64
"""Where more devices than that speak TLS, they share a few certificates."""


class Fleet:
    """All devices of one process. ``now`` is the world's clock, in seconds since 1970.

    With a ``discovery_port`` it answers WS-Discovery there (0: any free port). Raises CannotListen.
    """

    def __init__(
        self,
        specs: Iterable[DeviceSpec],
        *,
        memory: Path | None = None,
        now: Callable[[], float] = time.time,
        discovery_port: int | None = None,
    ) -> None:
        self._now = now
        self._memory = Memory(memory)
        self.hosts: dict[str, Host] = {}
        try:
            for spec in specs:
                self.hosts[spec.serial] = Host(Device(spec), self)
        except CannotListen:
            self._close()
            raise
        self._share = sum(host.device.spec.tls or any(s.tls for s in host.device.spec.services)
                          for host in self.hosts.values()) > _OWN_CERTIFICATES  # fmt: skip
        for host in self.hosts.values():
            self._furnish(host.device)
        self.discovery = None if discovery_port is None else Responder(self.hosts, discovery_port)

    async def start(self) -> None:
        self._memory.open()
        for host in self.hosts.values():
            await host.switch_on()
        if self.discovery:
            await self.discovery.open()

    async def stop(self) -> None:
        if self.discovery:
            self.discovery.close()
        for host in self.hosts.values():
            await host.switch_off()
        self._close()

    # -- what tests and the demo ask --------------------------------------------------------------

    def address(self, serial: str, service: str = "onvif") -> tuple[str, int]:
        device = self.device(serial)
        return device.spec.host, device.ports[service]

    def device(self, serial: str) -> Device:
        return self.hosts[serial].device

    def opens(self, serial: str, username: str, password: str) -> bool:
        """Whether a login opens a device; costs none of its login tries."""
        return self.device(serial).opens(username, password)

    def change_password(self, serial: str, username: str, password: str) -> None:
        """Change a password on the device itself, behind everybody's back."""
        self.device(serial).change_password(username, password)
        self.keep(self.device(serial))

    def change_copy(self, serial: str, channel: int, username: str, password: str) -> None:
        """Give a recorder another login for the camera on a channel, on its own page."""
        copy = self.device(serial).channels[channel]
        copy.username, copy.password = username, password
        self.keep(self.device(serial))

    def channels(self, serial: str) -> Mapping[int, tuple[str, bool | None]]:
        """Of each channel of a recorder: which camera is on it, and whether the recorder opens it;
        None where the camera does not answer."""
        copies = self.device(serial).channels
        return {n: (copy.serial, self.reaches(serial, n)) for n, copy in sorted(copies.items())}

    def add_camera(
        self, serial: str, channel: int, camera: str, username: str, password: str
    ) -> None:
        """Put a camera on a recorder's channel, on its own page."""
        self._attach(self.device(serial), channel, camera, username, password)
        self.keep(self.device(serial))

    def remove_camera(self, serial: str, channel: int) -> None:
        """Take a camera off a recorder, on its own page."""
        del self.device(serial).channels[channel]
        self.keep(self.device(serial))

    def calls(self, serial: str) -> Mapping[str, int]:
        """How often each operation was called, and ``failed_logins``."""
        device = self.device(serial)
        return {**device.calls, "failed_logins": device.failed_logins}

    def locks(self, serial: str) -> dict[str, Any]:
        """Who is locked out and for how many seconds yet; how often anybody was."""
        locks = self.device(serial).locks
        everybody = locks.for_good or self.device(serial).is_(Character.LOCKED)
        now = locks.now_locked(self.now())
        return {"locked": everybody or bool(now), "clients": now, "for_everybody": everybody,
                "times": locks.times}  # fmt: skip

    def certificate(self, serial: str, service: str = "onvif") -> str:
        """The SHA-256 of the TLS certificate that a service shows now, in hex; "" without TLS."""
        return self.hosts[serial].certificate(service)

    async def power(self, serial: str, on: bool) -> None:
        host = self.hosts[serial]
        await (host.switch_on() if on else host.switch_off())

    async def reboot(self, serial: str) -> None:
        """Ends when the device is there again."""
        await self.hosts[serial].restart()

    async def factory_reset(self, serial: str) -> None:
        """As the button on the device does it: no password any more, and a restart."""
        await self.hosts[serial].factory_reset()

    # -- what a host asks -------------------------------------------------------------------------

    def now(self) -> float:
        return self._now()

    def keep(self, device: Device) -> None:
        self._memory.keep(device.spec.serial, device.keeps())

    def reaches(self, recorder: str, channel: int) -> bool | None:
        copy = self.device(recorder).channels.get(channel)
        camera = self.hosts.get(copy.serial) if copy else None
        if copy is None or camera is None or not camera.there():
            return None
        return camera.device.opens(copy.username, copy.password)

    def camera_at(self, host: str, port: int) -> Found | None:
        for other in self.hosts.values():
            spec = other.device.spec
            if other.address == (host, port) and spec.kind == "camera" and other.there():
                return Found(spec.serial, spec.model, spec.mac)
        return None

    def tried(self, recorder: str, serial: str, username: str, password: str) -> None:
        camera, client = self.hosts[serial], f"recorder {recorder}"
        if not camera.there() or camera.device.locked_for(client, self.now()):
            return
        if camera.device.opens(username, password):
            camera.device.succeeded(client)
        else:
            camera.device.failed(client, self.now(), username)

    def certificate_of(self, device: Device) -> str:
        serial = device.spec.serial
        if device.is_(Character.FICKLE):
            return f"{device.spec.seed}/{serial}/{device.lifetime}"
        if self._share:
            return f"shared/{sum(serial.encode()) % _OWN_CERTIFICATES}"
        return f"{device.spec.seed}/{serial}"

    def _furnish(self, device: Device) -> None:
        """Give a device what it has kept, or else what it is delivered with."""
        device.fleet_start = self._memory.starts
        spec, kept = device.spec, self._memory.kept.get(device.spec.serial)
        if kept is not None:
            device.users = {name: User(**user) for name, user in kept["users"].items()}
            device.flash = kept["flash"]
            for number, serial, *login in kept["channels"]:
                self._attach(device, number, serial, *login)
        if spec.nvr is None or spec.channel is None:
            return
        recorder = self.hosts.get(spec.nvr)
        if recorder and spec.nvr not in self._memory.kept and not recorder.device.fresh:
            self._attach(recorder.device, spec.channel, spec.serial, "admin", spec.password)

    def _attach(
        self,
        recorder: Device,
        channel: int,
        serial: str,
        username: str,
        password: str,
        alias: str = "",
    ) -> None:
        camera = self.hosts.get(serial)
        if camera is None:
            return
        spec, (host, port) = camera.device.spec, camera.address
        recorder.channels[channel] = ChannelCopy(
            serial, "IPC", alias or spec.name, host, port, spec.mac, username, password
        )

    def _close(self) -> None:
        self._memory.close()
        for host in self.hosts.values():
            host.close()


@asynccontextmanager
async def running_fleet(specs: Iterable[DeviceSpec], **options: Any) -> AsyncIterator[Fleet]:
    """A fleet on the running event loop, for as long as the block lasts; options as of Fleet."""
    fleet = Fleet(specs, **options)
    try:
        await fleet.start()
        yield fleet
    finally:
        await fleet.stop()


class ThreadedFleet:
    """A fleet in a thread of its own, asked from synchronous code: see Fleet."""

    def __init__(self, fleet: Fleet, loop: asyncio.AbstractEventLoop) -> None:
        self._fleet = fleet
        self._loop = loop

    def address(self, serial: str, service: str = "onvif") -> tuple[str, int]:
        return self._fleet.address(serial, service)

    @property
    def discovery_port(self) -> int | None:
        return self._fleet.discovery.port if self._fleet.discovery else None

    def opens(self, serial: str, username: str, password: str) -> bool:
        return self._ask(lambda: self._fleet.opens(serial, username, password))

    def change_password(self, serial: str, username: str, password: str) -> None:
        self._ask(lambda: self._fleet.change_password(serial, username, password))

    def change_copy(self, serial: str, channel: int, username: str, password: str) -> None:
        self._ask(lambda: self._fleet.change_copy(serial, channel, username, password))

    def channels(self, serial: str) -> Mapping[int, tuple[str, bool | None]]:
        return self._ask(lambda: self._fleet.channels(serial))

    def remove_camera(self, serial: str, channel: int) -> None:
        self._ask(lambda: self._fleet.remove_camera(serial, channel))

    def add_camera(
        self, serial: str, channel: int, camera: str, username: str, password: str
    ) -> None:
        self._ask(lambda: self._fleet.add_camera(serial, channel, camera, username, password))

    def calls(self, serial: str) -> Mapping[str, int]:
        return self._ask(lambda: self._fleet.calls(serial))

    def locks(self, serial: str) -> dict[str, Any]:
        return self._ask(lambda: self._fleet.locks(serial))

    def certificate(self, serial: str, service: str = "onvif") -> str:
        return self._ask(lambda: self._fleet.certificate(serial, service))

    def power(self, serial: str, on: bool) -> None:
        self._do(self._fleet.power(serial, on))

    def reboot(self, serial: str) -> None:
        self._do(self._fleet.reboot(serial))

    def factory_reset(self, serial: str) -> None:
        self._do(self._fleet.factory_reset(serial))

    def _ask(self, question: Callable[[], _T]) -> _T:
        async def asked() -> _T:
            return question()

        return self._do(asked())

    def _do(self, what: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(10)


@contextmanager
def fleet_in_thread(specs: Iterable[DeviceSpec], **options: Any) -> Iterator[ThreadedFleet]:
    """A fleet that answers on its sockets while the block's synchronous code runs."""
    fleet = Fleet(specs, **options)
    loop = asyncio.new_event_loop()
    thread = Thread(target=loop.run_forever, name="virtual fleet", daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(fleet.start(), loop).result(60)
        yield ThreadedFleet(fleet, loop)
    finally:
        asyncio.run_coroutine_threadsafe(fleet.stop(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
