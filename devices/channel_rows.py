"""An NVR's channels for people: what it tells of them, beside the cameras of the fleet.

Only looked up: what an NVR tells becomes a fact when a job reads it (see `recorders`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q
from django.urls import reverse

from devices import queries
from devices.state import Kind
from fleet.eventstore.messages import Actor


@dataclass(frozen=True)
class ChannelRow:
    """A channel as the NVR tells it, or a camera of the fleet that the NVR has on none.

    `told`: number, name, host and mac; None when the NVR says nothing of it. `online` is None where
    nobody knows. `elsewhere`: the camera is in the fleet, but not at this channel. `same`: other
    channels with this MAC address. `silent`: the NVR has never told what is on its channels.
    """

    nvr: Any
    number: int | None
    told: Mapping[str, Any] | None
    online: bool | None
    camera: Any = None
    elsewhere: str = ""
    same: tuple[int, ...] = ()
    silent: bool = False

    @property
    def name(self) -> str:
        return str(self.camera.name if self.camera else (self.told or {}).get("name", ""))

    @property
    def host(self) -> str:
        if self.told and self.told["host"]:
            return str(self.told["host"])
        return str(self.camera.host) if self.camera else ""

    @property
    def mac(self) -> str:
        return str((self.told or {}).get("mac") or (self.camera.mac if self.camera else ""))

    @property
    def is_gone(self) -> bool:
        """Whether the fleet has a camera here that the NVR does not know."""
        return self.told is None and not self.silent

    @property
    def add(self) -> str:
        """The page that adds the camera, filled in as far as the NVR tells."""
        told = self.told or {}
        asked = {
            "site": self.nvr.site,
            "nvr": self.nvr.pk,
            "channel": self.number,
            "name": told.get("name", ""),
            "host": told.get("host", ""),
            "mac": told.get("mac", ""),
        }
        return f"{reverse('add-device')}?{urlencode(asked)}"

    @property
    def place(self) -> str:
        """The page that puts the camera on this channel in Rekey's books."""
        asked = urlencode({"nvr": self.nvr.pk, "channel": self.number})
        return f"{reverse('place-on-channel', args=[self.camera.pk])}?{asked}"


def channel_rows(actor: Actor, nvr: Any, heard: Any) -> list[ChannelRow]:
    """All channels by number, then the cameras that the NVR does not know.

    `heard`: its telemetry; None: it was never asked.
    """
    told: list[Mapping[str, Any]] = sorted(nvr.channels_read, key=lambda one: one["number"])
    known = _Known(_cameras(actor, nvr, told), nvr.pk)
    matched = {one["number"]: camera for one in told if (camera := known.on(one))}
    on_mac: defaultdict[str, list[int]] = defaultdict(list)
    for one in told:
        if one["mac"]:
            on_mac[one["mac"]].append(one["number"])
    up = None if heard is None else set(heard.channels_online)
    silent = not told and (heard is None or heard.channels_at is None)
    rows = [
        ChannelRow(
            nvr,
            number=one["number"],
            told=one,
            online=None if up is None else one["number"] in up,
            camera=matched.get(one["number"]),
            elsewhere=_elsewhere(matched.get(one["number"]), nvr, one["number"]),
            same=tuple(n for n in on_mac.get(one["mac"], ()) if n != one["number"]),
        )
        for one in told
    ]
    found = {camera.pk for camera in matched.values()}
    left = [c for c in known.cameras if c.nvr_id == nvr.pk and c.pk not in found]
    left.sort(key=lambda camera: camera.channel)
    return [*rows, *(ChannelRow(nvr, c.channel, None, None, c, silent=silent) for c in left)]


class _Known:
    """The fleet's cameras, by what an NVR may tell of them."""

    def __init__(self, cameras: list[Any], nvr: UUID) -> None:
        self.cameras = cameras
        self._by_mac = {c.mac: c for c in reversed(cameras) if c.mac}
        self._by_channel = {c.channel: c for c in cameras if c.nvr_id == nvr}
        self._by_host: defaultdict[str, list[Any]] = defaultdict(list)
        for camera in cameras:
            self._by_host[camera.host].append(camera)

    def on(self, told: Mapping[str, Any]) -> Any:
        """The camera on a channel: by its MAC address, else by the channel, else by its address.

        A camera with another MAC address is another camera, and one address may be of several.
        """
        if told["mac"] and (camera := self._by_mac.get(told["mac"])):
            return camera
        here = self._by_channel.get(told["number"])
        if here is not None and not (here.mac and told["mac"]):
            return here
        at_address = self._by_host.get(told["host"], [])
        if len(at_address) == 1 and not (at_address[0].mac and told["mac"]):
            return at_address[0]
        return None


def _cameras(actor: Actor, nvr: Any, told: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Those on the NVR, and those of its site that it may mean."""
    macs = {one["mac"] for one in told if one["mac"]}
    hosts = {one["host"] for one in told if one["host"]}
    meant = Q(nvr=nvr.pk) | Q(site=nvr.site, mac__in=macs) | Q(site=nvr.site, host__in=hosts)
    rows = queries.devices(actor).filter(meant, kind=Kind.CAMERA.value)
    return list(rows.order_by("name", "id"))


def _elsewhere(camera: Any, nvr: Any, number: int) -> str:
    """Where Rekey has the camera, if that is not here."""
    if camera is None or (camera.nvr_id == nvr.pk and camera.channel == number):
        return ""
    if camera.nvr_id == nvr.pk:
        return f"on channel {camera.channel}"
    return f"on {camera.nvr.name}" if camera.nvr_id and camera.nvr else "standing alone"
