"""Sites, devices and credentials as rows."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from devices.models import Credential, Device, Discovered, Scan, Site
from devices.state import CredentialState, DeviceState, DiscoveredState, ScanState, SiteState
from fleet.errors import Conflict
from fleet.eventstore.handling import conflict_of
from fleet.eventstore.projections import projects


@projects("site", Site)
def site(state: SiteState) -> dict[str, Any]:
    return {
        "name": state.name,
        "timezone": state.timezone,
        "networks": list(state.networks),
        "closed": state.closed,
    }


@projects("device", Device)
def device(state: DeviceState) -> dict[str, Any]:
    return {
        "place_id": state.site,
        "kind": state.kind.value,
        "name": state.name,
        "host": state.host,
        "port": state.port,
        "tls": state.tls,
        "path": state.path,
        "services": [asdict(service) for service in state.services],
        "pins": [asdict(pin) for pin in state.pins],
        "strange": [asdict(pin) for pin in state.strange],
        "driver": state.driver,
        "username": state.username,
        "reset_email": state.reset_email,
        "nvr_id": state.nvr,
        "channel": state.channel,
        "nvr_opens": state.nvr_opens,
        "channels_read": [asdict(channel) for channel in state.channels],
        "manufacturer": state.manufacturer,
        "model": state.model,
        "firmware": state.firmware,
        "serial": state.serial,
        "mac": state.mac,
        "max_password": state.max_password,
        "certified": state.certified,
        "managed": state.managed,
        "trouble": state.trouble,
        "fresh": state.fresh,
        "removed": state.removed,
    }


@projects("credential", Credential)
def credential(state: CredentialState) -> dict[str, Any]:
    return {
        "device": state.subject,
        "username": state.username,
        "purpose": state.purpose.value,
        "candidate": state.candidate,
        "current": state.current,
        "superseded": [str(secret) for secret in state.superseded],
    }


@projects("scan", Scan)
def scan(state: ScanState) -> dict[str, Any]:
    return {
        "place_id": state.site,
        "method": state.method.value,
        "network": state.network,
        "ports": list(state.ports),
        "repeat": state.repeat.value,
        "status": state.status.value,
        "run": state.run,
        "found": state.found,
        "new": state.new,
        "changed": state.changed,
        "gone": state.gone,
        "why": state.why,
        "began_at": state.began_at,
        "ended_at": state.ended_at,
        "next_at": state.next_at,
    }


@projects("discovered", Discovered)
def discovered(state: DiscoveredState) -> dict[str, Any]:
    return {
        "place_id": state.site,
        "key": state.key,
        "host": state.host,
        "port": state.port,
        "tls": state.tls,
        "path": state.path,
        "name": state.name,
        "manufacturer": state.manufacturer,
        "model": state.model,
        "serial": state.serial,
        "mac": state.mac,
        "fresh": state.fresh,
        "gone": state.gone,
        "ignored": state.ignored,
    }


conflict_of(
    "device_one_per_address",
    "device.site, device.host, device.port",
    lambda: Conflict("address_taken", "A device of this site has this address and port already."),
)

conflict_of(
    "device_one_per_channel",
    "device.nvr_id, device.channel",
    lambda: Conflict(
        "channel_taken", "Another camera is on this channel already.", field="channel"
    ),
)
