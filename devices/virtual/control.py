"""The back door of the virtual fleet, for the demo and the tests: JSON over HTTP on loopback.

GET  /devices                         specs and state; no passwords
GET  /devices/{serial}/calls          {"GetUsers": 3, ..., "failed_logins": 1}
GET  /devices/{serial}/locks          {"locked": true, "clients": {address: seconds left}, ...}
GET  /devices/{serial}/shown          {"onvif": SHA-256 of the TLS certificate, or ""}
POST /devices/{serial}/opens          {"username", "password"} → {"opens": true}; costs no login try
POST /devices/{serial}/password       {"username", "password"}: changed on the device's own page
POST /devices/{serial}/copy           {"channel", "username", "password"}: what a recorder holds
POST /devices/{serial}/power          {"on": false}
POST /devices/{serial}/reboot         {}
POST /devices/{serial}/factory-reset  {}
"""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

from aiohttp import web

from devices.virtual.device import DeviceSpec, Fault
from devices.virtual.host import HOST, PortTaken
from devices.virtual.server import Fleet, running_fleet
from fleet import open_files

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def control_app(fleet: Fleet) -> web.Application:
    """The back door's calls, for one fleet."""

    async def devices(request: web.Request) -> web.Response:
        return web.json_response({"devices": [_pictured(fleet, serial) for serial in fleet.hosts]})

    async def calls(request: web.Request) -> web.Response:
        return web.json_response(dict(fleet.calls(_serial(fleet, request))))

    async def opens(request: web.Request) -> web.Response:
        given = await _given(request, username=str, password=str)
        found = fleet.opens(_serial(fleet, request), given["username"], given["password"])
        return web.json_response({"opens": found})

    async def password(request: web.Request) -> web.Response:
        given = await _given(request, username=str, password=str)
        try:
            fleet.change_password(_serial(fleet, request), given["username"], given["password"])
        except (KeyError, Fault) as error:
            raise _wrong("The device has no such account, or refuses the password.") from error
        return web.json_response({"changed": True})

    async def power(request: web.Request) -> web.Response:
        given = await _given(request, on=bool)
        serial = _serial(fleet, request)
        await fleet.power(serial, given["on"])
        return web.json_response(_pictured(fleet, serial))

    async def locks(request: web.Request) -> web.Response:
        return web.json_response(fleet.locks(_serial(fleet, request)))

    async def shown(request: web.Request) -> web.Response:
        serial = _serial(fleet, request)
        services = fleet.device(serial).ports
        return web.json_response({name: fleet.certificate(serial, name) for name in services})

    async def copy(request: web.Request) -> web.Response:
        given = await _given(request, channel=int, username=str, password=str)
        try:
            fleet.change_copy(_serial(fleet, request), **given)
        except KeyError as error:
            raise _wrong("The device has no camera on that channel.") from error
        return web.json_response({"changed": True})

    async def reboot(request: web.Request) -> web.Response:
        await _given(request)
        serial = _serial(fleet, request)
        await fleet.reboot(serial)
        return web.json_response(_pictured(fleet, serial))

    async def factory_reset(request: web.Request) -> web.Response:
        await _given(request)
        serial = _serial(fleet, request)
        await fleet.factory_reset(serial)
        return web.json_response(_pictured(fleet, serial))

    app = web.Application()
    app.add_routes(
        [
            web.get("/devices", devices),
            web.get("/devices/{serial}/calls", calls),
            web.get("/devices/{serial}/locks", locks),
            web.get("/devices/{serial}/shown", shown),
            web.post("/devices/{serial}/opens", opens),
            web.post("/devices/{serial}/password", password),
            web.post("/devices/{serial}/copy", copy),
            web.post("/devices/{serial}/power", power),
            web.post("/devices/{serial}/reboot", reboot),
            web.post("/devices/{serial}/factory-reset", factory_reset),
        ]
    )
    return app


async def serve(
    specs: Iterable[DeviceSpec],
    *,
    control_port: int,
    memory: Path | None,
    say: Callable[[str], None],
    discovery_port: int | None = None,
) -> None:
    """Run a fleet and its back door until SIGTERM or SIGINT. Raises CannotListen.

    ``say`` gets one readable line when every device answers, and one more where WS-Discovery was
    asked for and is not to be had.
    """
    open_files.as_many_as_may_be()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running_fleet(specs, memory=memory, discovery_port=discovery_port) as fleet:
        runner = web.AppRunner(control_app(fleet), access_log=None)
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, HOST, control_port).start()
            except OSError as error:
                raise PortTaken(control_port) from error
            say(f"Virtual fleet ready: {_where(fleet)}; control on port {control_port}.")
            if fleet.discovery and fleet.discovery.problem:
                say(fleet.discovery.problem)
            await stop.wait()
        finally:
            await runner.cleanup()


def _where(fleet: Fleet) -> str:
    addresses = [host.address for host in fleet.hosts.values()]
    if not addresses:
        return "no device"
    many = "1 device" if len(addresses) == 1 else f"{len(addresses)} devices"
    hosts, ports = list(dict.fromkeys(host for host, _ in addresses)), {p for _, p in addresses}
    if len(hosts) == 1:
        return f"{many} on {hosts[0]}, ports {min(ports)} to {max(ports)}"
    return f"{many} on {hosts[0]} to {hosts[-1]}, port {min(ports)}"


def _pictured(fleet: Fleet, serial: str) -> dict[str, Any]:
    host = fleet.hosts[serial]
    spec = host.device.spec
    return {
        "serial": spec.serial,
        "kind": spec.kind,
        "name": spec.name,
        "place": spec.place,
        "model": spec.model,
        "mac": spec.mac,
        "firmware": spec.firmware,
        "host": host.address[0],
        "port": host.address[1],
        "tls": spec.tls,
        "path": spec.path,
        "services": [
            {"name": s.name, "port": host.device.ports[s.name], "tls": s.tls} for s in spec.services
        ],
        "vendor": spec.vendor,
        "fresh": host.device.fresh,
        "nvr": spec.nvr,
        "channel": spec.channel,
        "auth": spec.auth,
        "character": spec.character.names,
        "on": host.on,
        "accounts": {name: user.level for name, user in host.device.users.items()},
    }


def _serial(fleet: Fleet, request: web.Request) -> str:
    serial = request.match_info["serial"]
    if serial not in fleet.hosts:
        raise web.HTTPNotFound(
            text=json.dumps({"error": "There is no such device. GET /devices lists them."}),
            content_type="application/json",
        )
    return serial


async def _given(request: web.Request, **fields: type) -> dict[str, Any]:
    try:
        given = await request.json()
    except ValueError as error:
        raise _wrong("The body is not JSON.") from error
    # Also keeps pages of other origins out: their forms cannot send this type.
    if request.content_type != "application/json" or not isinstance(given, dict):
        raise _wrong("Send a JSON object as application/json.")
    for name, kind in fields.items():
        if not isinstance(given.get(name), kind):
            raise _wrong(f"The body needs {name} ({kind.__name__}).")
    return given


def _wrong(sentence: str) -> web.HTTPBadRequest:
    return web.HTTPBadRequest(text=json.dumps({"error": sentence}), content_type="application/json")
