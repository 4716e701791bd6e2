"""The back door of the virtual fleet, for the demo and the tests: JSON over HTTP on loopback.

GET  /devices                     specs and state; no passwords
GET  /devices/{serial}/calls      {"GetUsers": 3, ..., "failed_logins": 1}
POST /devices/{serial}/opens      {"username", "password"} → {"opens": true}; costs no login try
POST /devices/{serial}/password   {"username", "password"}: changed on the device's own page
POST /devices/{serial}/power      {"on": false}
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

    app = web.Application()
    app.add_routes(
        [
            web.get("/devices", devices),
            web.get("/devices/{serial}/calls", calls),
            web.post("/devices/{serial}/opens", opens),
            web.post("/devices/{serial}/password", password),
            web.post("/devices/{serial}/power", power),
        ]
    )
    return app


async def serve(
    specs: Iterable[DeviceSpec],
    *,
    control_port: int,
    memory: Path | None,
    ready: Callable[[str], None],
) -> None:
    """Run a fleet and its back door until SIGTERM or SIGINT. Raises PortTaken.

    ``ready`` gets one readable line when every device answers.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with running_fleet(specs, memory=memory) as fleet:
        runner = web.AppRunner(control_app(fleet), access_log=None)
        await runner.setup()
        try:
            try:
                await web.TCPSite(runner, HOST, control_port).start()
            except OSError as error:
                raise PortTaken(control_port) from error
            ports = sorted(host.address[1] for host in fleet.hosts.values())
            many = "1 device" if len(ports) == 1 else f"{len(ports)} devices"
            ready(
                f"Virtual fleet ready: {many} on {HOST}, "
                f"ports {ports[0]} to {ports[-1]}; control on port {control_port}."
            )
            await stop.wait()
        finally:
            await runner.cleanup()


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
