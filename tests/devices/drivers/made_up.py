"""Devices and answers made up for the tests of the drivers."""

import asyncio
import secrets
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from aiohttp import web

from devices.drivers import Address, Driver, Login, driver
from devices.virtual import Auth, DeviceSpec, Fleet, running_fleet, uniform_scenario
from devices.virtual.device import Device
from devices.virtual.onvif_service import OnvifService
from devices.virtual.service import Request

T = TypeVar("T")
BOMB = (  # a billion laughs
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {x} "{f"&{y};" * 10}">' for x, y in zip("bcdefghi", "abcdefgh", strict=True)
    )
    + "]>"
)


def password() -> str:
    """A password that satisfies every virtual device and is nobody's."""
    return f"Test-{secrets.token_hex(6)}-7"


def camera(**traits: Any) -> DeviceSpec:
    return replace(uniform_scenario(1, 1, port_base=0)[0], **{"auth": Auth.WS, **traits})


@dataclass
class Time:
    """A clock that the test moves."""

    seconds: float = 1_790_000_000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Lab:
    """One virtual camera, a driver at it, and its administrator."""

    fleet: Fleet
    spec: DeviceSpec
    time: Time

    @property
    def admin(self) -> Login:
        return Login("admin", self.spec.password)

    @property
    def address(self) -> Address:
        return Address(*self.fleet.address(self.spec.serial), path=self.spec.path)

    def driver(self, timeout: float = 10) -> Driver:
        return driver("onvif", self.address, timeout)

    def opens(self, login: Login) -> bool:
        return self.fleet.opens(self.spec.serial, login.username, login.password)

    def calls(self) -> dict[str, int]:
        return dict(self.fleet.calls(self.spec.serial))


def with_camera(story: Callable[[Lab], Coroutine[Any, Any, T]], **traits: Any) -> T:
    """Run a story against one virtual camera on a real socket."""

    async def run() -> T:
        spec, time = camera(**traits), Time()
        async with running_fleet([spec], now=time) as fleet:
            return await story(Lab(fleet, spec, time))

    return asyncio.run(run())


@dataclass
class Seen:
    """What a made-up server was asked."""

    address: Address
    bodies: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


@asynccontextmanager
async def server(
    answer: Callable[[web.BaseRequest, str], web.StreamResponse],
    tls: ssl.SSLContext | None = None,
    port: int = 0,
) -> AsyncIterator[Seen]:
    """An HTTP server that answers each request with what ``answer(request, body)`` returns."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        body = (await request.read()).decode()
        seen.bodies.append(body)
        seen.headers.append(dict(request.headers))
        return answer(request, body)

    handling = web.Server(handle, access_log=None)
    listening = await asyncio.get_running_loop().create_server(handling, "127.0.0.1", port, ssl=tls)
    seen = Seen(Address("127.0.0.1", listening.sockets[0].getsockname()[1], tls=tls is not None))
    try:
        yield seen
    finally:
        listening.close()
        await handling.shutdown(timeout=0.01)


def answers_of(spec: DeviceSpec, good: list[str] | None = None) -> Callable[..., web.Response]:
    """How a virtual device answers a made-up server; its good answers are kept in ``good``."""
    service, time = OnvifService(Device(spec)), Time()

    def answer(request: web.BaseRequest, body: str) -> web.Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        reply = service.answer(
            Request("POST", request.raw_path, headers, body.encode(), "127.0.0.1", time())
        )
        if good is not None and reply.status == 200:
            good.append(reply.body.decode())
        return web.Response(status=reply.status, body=reply.body, headers=reply.headers)

    return answer


def envelope(body: str, declaration: str = '<?xml version="1.0" encoding="UTF-8"?>') -> str:
    return (
        f'{declaration}<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"'
        ' xmlns:ter="http://www.onvif.org/ver10/error"'
        ' xmlns:tds="http://www.onvif.org/ver10/device/wsdl"'
        f' xmlns:tt="http://www.onvif.org/ver10/schema"><e:Body>{body}</e:Body></e:Envelope>'
    )


def fault(*codes: str) -> str:
    """A SOAP 1.2 fault: its side ("Sender", "Receiver"), then subcodes from the outside in."""
    nested = ""
    for code in reversed(codes[1:]):
        nested = f"<e:Subcode><e:Value>ter:{code}</e:Value>{nested}</e:Subcode>"
    return envelope(
        f"<e:Fault><e:Code><e:Value>e:{codes[0]}</e:Value>{nested}</e:Code>"
        "<e:Reason><e:Text>no</e:Text></e:Reason></e:Fault>"
    )


IDENTITY = envelope(
    "<tds:GetDeviceInformationResponse><tds:Manufacturer>Nobody</tds:Manufacturer>"
    "<tds:Model>Model 1</tds:Model><tds:FirmwareVersion>1</tds:FirmwareVersion>"
    "<tds:SerialNumber>42</tds:SerialNumber><tds:HardwareId>1</tds:HardwareId>"
    "</tds:GetDeviceInformationResponse>"
)
