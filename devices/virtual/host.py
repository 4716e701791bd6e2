"""One virtual device on real sockets: a door for each of its services, each at its own port."""

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from typing import Protocol, cast

from devices.virtual import certificates
from devices.virtual.connection import Connection, HttpConnection, LineConnection
from devices.virtual.device import Device
from devices.virtual.local_api import LocalApi
from devices.virtual.nvr_api import NvrApi
from devices.virtual.onvif_service import OnvifService
from devices.virtual.recorder_api import RecorderApi
from devices.virtual.recovery_service import RecoveryService
from devices.virtual.rtsp_service import RtspService
from devices.virtual.service import Found, LineService, Reply, Request, Service, Then
from devices.virtual.spec import Character, ServiceSpec

HOST = "127.0.0.1"


class CannotListen(Exception):
    """A port cannot be listened at; the sentence says why, and what to do."""


class PortTaken(CannotListen):
    """Somebody else listens there."""

    def __init__(self, port: int, host: str = HOST) -> None:
        super().__init__(
            f"Port {port} of {host} is taken. Stop what listens there, or choose other ports."
        )
        self.port = port


class World(Protocol):
    """What a device's host asks of its fleet."""

    def now(self) -> float:
        """Seconds since 1970."""
        ...

    def keep(self, device: Device) -> None:
        """Put what the device keeps without power on the disk."""
        ...

    def reaches(self, recorder: str, channel: int) -> bool | None:
        """Whether the recorder's copy of the password opens the camera on the channel; None: the
        camera does not answer."""
        ...

    def camera_at(self, host: str, port: int) -> Found | None:
        """What answers at an address, by ONVIF."""
        ...

    def tried(self, recorder: str, serial: str, username: str, password: str) -> None:
        """A recorder logs in at a camera: a wrong login costs it a try there."""
        ...

    def certificate_of(self, device: Device) -> str:
        """The seed of the TLS certificate that the device shows now."""
        ...


class Door:
    """One service at its port. While the device is off the port stays its own, and refuses."""

    __slots__ = ("listening", "port", "service", "socket", "spec")

    def __init__(self, host: str, spec: ServiceSpec) -> None:
        self.spec = spec
        self.socket = _bound(host, spec.port)
        self.port: int = self.socket.getsockname()[1]
        self.listening: asyncio.Server | None = None
        self.service: Service | LineService | None = None


class Host:
    """One device with its doors; the first one is ONVIF's."""

    def __init__(self, device: Device, world: World) -> None:
        self.device = device
        self.on = False
        self._world = world
        self._connections: set[Connection] = set()
        self._restarting: asyncio.Task[None] | None = None
        self._doors: dict[str, Door] = {}
        spec = device.spec
        try:
            for service in (ServiceSpec("onvif", spec.port, spec.tls), *spec.services):
                self._doors[service.name] = Door(spec.host, service)
        except CannotListen:
            self.close()
            raise
        device.ports = {name: door.port for name, door in self._doors.items()}

    @property
    def address(self) -> tuple[str, int]:
        return self.device.spec.host, self._doors["onvif"].port

    def there(self) -> bool:
        """Whether it answers: it is on, not dead, and flapping has not just taken it away."""
        dead = self.device.is_(Character.DEAD)
        return self.on and not dead and self.device.there(self.now())

    def certificate(self, service: str = "onvif") -> str:
        """The SHA-256 of the certificate that a service shows now, in hex; "" without TLS."""
        return self._shown().fingerprint if self._doors[service].spec.tls else ""

    async def switch_on(self) -> None:
        if self.on:
            return
        self.on = True
        if self.device.is_(Character.DEAD):
            return
        self.device.restarted()
        for door in self._doors.values():
            await self._open(door)

    async def switch_off(self) -> None:
        if self._restarting and self._restarting is not asyncio.current_task():
            self._restarting.cancel()
        self.on = False
        for connection in tuple(self._connections):
            connection.abort()
        for door in self._doors.values():
            door.service = None
            if door.listening:
                door.listening.close()
                door.listening = None
                door.socket = _bound(self.device.spec.host, door.port)

    async def restart(self) -> None:
        await self.switch_off()
        await asyncio.sleep(self.device.spec.restart_seconds)
        await self.switch_on()

    async def factory_reset(self) -> None:
        self.device.factory_reset()
        self._world.keep(self.device)
        await self.restart()

    def close(self) -> None:
        for door in self._doors.values():
            door.socket.close()

    # -- for its connections ----------------------------------------------------------------------

    @property
    def delay(self) -> float:
        return self.device.spec.delay

    def now(self) -> float:
        return self._world.now()

    def joined(self, connection: Connection) -> bool:
        there = self.there()
        if there:
            self._connections.add(connection)
        return there

    def left(self, connection: Connection) -> None:
        self._connections.discard(connection)

    def http(self, door: str, request: Request) -> Reply | None:
        """Answer a request at one of the doors; None: cut the connection without an answer."""
        if not self.device.there(request.now):
            return None
        reply = cast(Service, self._service(door)).answer(request)
        if reply.changed:
            self._world.keep(self.device)  # before the answer is given
        return reply

    def line(self, door: str, request: str, client: str) -> bytes | None:
        if not self.device.there(self.now()):
            return None
        return cast(LineService, self._service(door)).answer(request, client, self.now())

    def then(self, what: Then) -> None:
        todo = self.factory_reset() if what == "factory-reset" else self.restart()
        self._restarting = asyncio.get_running_loop().create_task(todo)

    # -- doors ------------------------------------------------------------------------------------

    def _service(self, name: str) -> Service | LineService:
        """Made when it is first asked: most of ten thousand devices have services that nobody is
        talking to."""
        door = self._doors[name]
        if door.service is None:
            door.service = self._made(name)
        return door.service

    def _made(self, name: str) -> Service | LineService:
        network = _Network(self._world, self.device.spec.serial)
        if name == "vigi_nvr":
            return NvrApi(self.device, lambda channel: bool(network.opens(channel)))
        if name == "vigi_recorder":
            return RecorderApi(self.device, network)
        return _SERVICES[name](self.device)

    def _shown(self) -> certificates.Shown:
        seed = self._world.certificate_of(self.device)
        return certificates.shown(seed, old=self.device.is_(Character.OLD_TLS))

    async def _open(self, door: Door) -> None:
        name = door.spec.name
        kind = LineConnection if name == "rtsp" else HttpConnection
        context: ssl.SSLContext | None = self._shown().context if door.spec.tls else None
        try:
            door.listening = await asyncio.get_running_loop().create_server(
                lambda: kind(self, name), sock=door.socket, backlog=128, ssl=context
            )
        except OSError as error:  # two may hold a port as long as neither listens
            raise PortTaken(door.port, self.device.spec.host) from error


class _Network:
    """What one recorder finds on its network; a ``Cameras``."""

    __slots__ = ("_recorder", "_world")

    def __init__(self, world: World, recorder: str) -> None:
        self._world = world
        self._recorder = recorder

    def at(self, host: str, port: int) -> Found | None:
        return self._world.camera_at(host, port)

    def opens(self, channel: int) -> bool | None:
        return self._world.reaches(self._recorder, channel)

    def tried(self, serial: str, username: str, password: str) -> None:
        self._world.tried(self._recorder, serial, username, password)


_SERVICES: dict[str, Callable[[Device], Service | LineService]] = {
    "onvif": OnvifService,
    "rtsp": RtspService,
    "vigi_local": LocalApi,
    "recovery": RecoveryService,
}


def _bound(host: str, port: int) -> socket.socket:
    """A socket that holds a port without listening: connections to it are refused."""
    try:
        held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise CannotListen(
            "This process may not open so many sockets. Allow it more open files (ulimit -n), or"
            " run fewer devices."
        ) from error
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        held.bind((host, port))
    except OSError as error:
        held.close()
        if error.errno == errno.EADDRNOTAVAIL:
            raise CannotListen(
                f"This machine has no address {host}. Give the devices ports of {HOST} instead:"
                ' layout = "ports".'
            ) from error
        raise PortTaken(port, host) from error
    held.setblocking(False)
    return held
