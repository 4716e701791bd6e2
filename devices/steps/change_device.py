"""A device is changed in Rekey's books: its name, where it is found, what further it talks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from devices.drivers.base import Service
from devices.state import DeviceState
from devices.steps.add_device import Reached, check_address, services_in
from devices.steps.check_device import CheckRequested
from devices.steps.remove_device import refuse_removed
from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, asked, command, event, supplied
from fleet.names import named


@event("devices.device_changed")
class DeviceChanged(Event[DeviceState]):
    """{actor} changed {what}."""

    what: str
    name: str
    host: str
    port: int
    tls: bool
    path: str
    services: tuple[Service, ...]

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(
            name=self.name,
            host=self.host,
            port=self.port,
            tls=self.tls,
            path=self.path,
            services=self.services,
        )


@command(by=Role.OPERATOR)
class ChangeDevice(Command[DeviceState]):
    """Change a device's name or where it is found. What is left out stays as it is."""

    name: str | None = asked("Name", default=None)
    host: str | None = asked("Address", help="An IP address or a host name.", default=None)
    port: int | None = asked("Port", default=None)
    tls: bool | None = asked("HTTPS", default=None)
    path: str | None = asked("Path of the ONVIF service", default=None)
    services: str | None = asked(
        "Further services", help="Such as “rtsp:554 vigi_nvr:20443”.", default=None
    )
    reached: Reached = supplied()

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        refuse_removed(state)
        new: dict[str, Any] = {
            "name": state.name if self.name is None else named(self.name, "device"),
            "host": state.host if self.host is None else self.host.strip(),
            "port": state.port if self.port is None else self.port,
            "tls": state.tls if self.tls is None else self.tls,
            "path": state.path if self.path is None else self.path,
            "services": (state.services if self.services is None else services_in(self.services)),
        }
        check_address(new["host"], new["port"], new["path"])
        changed = [field for field, value in new.items() if getattr(state, field) != value]
        if not changed:
            return
        yield DeviceChanged(what=_told(changed, new), **new)
        if changed != ["name"]:
            yield CheckRequested()


def _told(changed: list[str], new: dict[str, Any]) -> str:
    told = []
    if "name" in changed:
        told.append(f"the name to {new['name']}")
    if {"host", "port", "tls", "path"} & set(changed):
        told.append(f"the address to {new['host']}:{new['port']}{' (HTTPS)' * new['tls']}")
    if "services" in changed:
        told.append("the further services")
    return " and ".join(told)
