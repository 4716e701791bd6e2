"""Sites, devices and credentials as rows."""

from __future__ import annotations

from typing import Any

from devices.models import Credential, Device, Site
from devices.state import CredentialState, DeviceState, SiteState
from fleet.errors import Conflict
from fleet.eventstore.handling import conflict_of
from fleet.eventstore.projections import projects


@projects("site", Site)
def site(state: SiteState) -> dict[str, Any]:
    return {"name": state.name, "timezone": state.timezone}


@projects("device", Device)
def device(state: DeviceState) -> dict[str, Any]:
    return {
        "place_id": state.site,
        "kind": state.kind.value,
        "name": state.name,
        "host": state.host,
        "port": state.port,
        "driver": state.driver,
        "username": state.username,
        "reset_email": state.reset_email,
        "nvr_id": state.nvr,
        "channel": state.channel,
        "manufacturer": state.manufacturer,
        "model": state.model,
        "firmware": state.firmware,
        "serial": state.serial,
        "max_password": state.max_password,
        "certified": state.certified,
        "managed": state.managed,
        "trouble": state.trouble,
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


conflict_of(
    "device_one_per_address",
    "device.site, device.host, device.port",
    lambda: Conflict("address_taken", "A device of this site has this address and port already."),
)
