"""Which site, device or NVR a line is about. What may not be seen is as if it were not there."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar
from uuid import UUID

from devices.lists import cells
from devices.lists.columns import LABELS
from devices.lists.plans import Fleet, Place
from devices.lists.reading import Row
from devices.state import DeviceState, Kind
from devices.steps.add_device import AddDevice, mac_in, taken
from fleet.errors import NotFound, Refused
from fleet.eventstore.messages import asked_fields

USUAL = {name: told.initial for name, (told, _) in asked_fields(AddDevice).items()}
_TLS_PORT = 443
_MOST_SHOWN = 100  # characters of what was typed

K = TypeVar("K", bound=Hashable)
Address = tuple[UUID | None, str, int]


def address(state: DeviceState) -> Address:
    """A device's address as it is compared: host names are the same in small and large letters."""
    return state.site, state.host.casefold(), state.port


def port_of(row: Row) -> int:
    """The line's port, or the one that is usual."""
    if text := row.cells.get("port"):
        return int(cells.value("port", text))
    secure = row.cells.get("tls", "").casefold() in cells.YES
    return _TLS_PORT if secure else int(USUAL["port"])


class Finder:
    """What is known of the fleet, by what lines say of it."""

    def __init__(self, fleet: Fleet, site: UUID) -> None:
        self.site = site
        self.places = {place.id: place for place in fleet.places}
        self.devices = {device.id: device for device in fleet.devices}
        self.addresses = {address(d): d.id for d in fleet.devices}
        self.channels: dict[tuple[UUID | None, int | None], UUID] = {
            (d.nvr, d.channel): d.id for d in fleet.devices if d.nvr
        }
        self.nvr_names: dict[UUID, str] = {}
        self._sites = _index((p.name.strip().casefold(), p.id) for p in fleet.places)
        self._serials = _index((d.serial.strip(), d.id) for d in fleet.devices)
        self._macs = _index((d.mac, d.id) for d in fleet.devices)
        self._nvrs: dict[tuple[UUID | None, str], list[UUID]] = {}
        for device in fleet.devices:
            if device.kind is Kind.NVR:
                self.know_nvr(device.id, device.site, device.name, device.serial)

    def place(self, row: Row) -> Place:
        """The site that a line names, or the one chosen for all. Raises NotFound, Refused."""
        given = row.cells.get("site", "").casefold()
        found = [self.site]
        if given:
            found = self._sites.get(given) or [id for id in self.places if str(id) == given]
        if len(found) > 1:
            raise Refused(
                "site_unclear", "Several sites have this name. Give the site’s id.", field="site"
            )
        if not found or found[0] not in self.places:
            raise _missing("site", row.cells.get("site", ""))
        return self.places[found[0]]

    def device(self, row: Row, place: Place) -> DeviceState | None:
        """By serial number or MAC address, else by its address at the site. Raises Refused,
        Conflict.
        """
        here = self.addresses.get((place.id, row.cells.get("host", "").casefold(), port_of(row)))
        serial = self._one("serial", self._serials.get(row.cells.get("serial", ""), ()), here)
        mac = self._one("mac", self._macs.get(mac_in(row.cells.get("mac", "")), ()), here)
        if serial and mac and serial != mac:
            raise taken("mac", self.devices[mac].name)
        found = serial or mac or here
        return self.devices[found] if found else None

    def nvr(self, text: str, site: UUID | None, now: UUID | None) -> UUID:
        """The NVR of a site that has this name or serial number; `now` is the one that the camera
        is on, if it is on one. Raises NotFound, Refused.
        """
        found = self._nvrs.get((site, text.casefold()), [])
        if now in found:
            return now
        if len(found) > 1:
            raise Refused(
                "nvr_unclear",
                "Several NVRs of this site have this name. Give the serial number.",
                field="nvr",
            )
        if found:
            return found[0]
        if any((other, text.casefold()) in self._nvrs for other in self.places):
            raise Refused("nvr_wrong", "Choose an NVR of the same site.", field="nvr")
        raise _missing("NVR", text)

    def know_nvr(self, nvr: UUID, site: UUID | None, name: str, serial: str) -> None:
        for called in {name.strip().casefold(), serial.strip().casefold()} - {""}:
            known = self._nvrs.setdefault((site, called), [])
            if nvr not in known:
                known.append(nvr)
        self.nvr_names.setdefault(nvr, name)

    def site_name(self, site: UUID | None) -> str:
        return self.places[site].name if site in self.places else ""

    def _one(self, name: str, found: Sequence[UUID], here: UUID | None) -> UUID | None:
        if len(found) > 1:
            if here in found:
                return here
            raise Refused(
                "which_device",
                f"{len(found)} devices have this {LABELS[name]}. Give the address of the one.",
                field=name,
            )
        return found[0] if found else None


def _index(pairs: Iterable[tuple[K, UUID]]) -> Mapping[K, list[UUID]]:
    """What is found by each key; an empty one finds nothing."""
    found: dict[K, list[UUID]] = {}
    for key, id in pairs:
        if key:
            found.setdefault(key, []).append(id)
    return found


def _missing(what: str, typed: str) -> NotFound:
    """The same words for what is not there and for what may not be seen; "" was not typed."""
    error = NotFound(what)
    error.field = what.lower()
    if typed:
        error.message = f"There is no {what} “{typed[:_MOST_SHOWN]}” here. Check its name."
    return error
