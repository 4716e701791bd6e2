"""What the commands of sites and devices are told of the world: looked up in their transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection
from uuid import UUID

from devices import queries, vault
from devices.drivers import reach
from devices.models import Device
from devices.passwords import PasswordRules
from devices.state import DeviceState, Kind, ScanState, SiteState
from devices.steps.activate_device import ActivateDevice
from devices.steps.add_device import AddDevice, Placed, Reached, mac_in, taken
from devices.steps.change_device import ChangeDevice
from devices.steps.close_site import CloseSite, LeftThere
from devices.steps.give_password import GivePassword
from devices.steps.move_device import Destination, MoveDevice
from devices.steps.place_on_channel import PlaceOnChannel, Recorder
from devices.steps.remove_device import Holds
from devices.steps.replace_device import ReplaceDevice
from devices.steps.scan_network import Ground, RequestScan
from fleet.errors import Refused
from fleet.eventstore.handling import supplies
from fleet.eventstore.messages import Actor, By, Command

Busy = Callable[[UUID], str]
_busy: list[Busy] = []


def busy_when(asks: Busy) -> None:
    """Register who says, as a sentence, that a device is being worked on; "" if it is not."""
    if asks not in _busy:
        _busy.append(asks)


@supplies(Placed)
def placed(command: AddDevice | ActivateDevice, state: DeviceState, by: By) -> Placed:
    """The site as whoever asks may see it, and the typed password, put into the vault."""
    at = queries.place(by.actor, command.site)
    if command.nvr is not None:
        _recorder(by.actor, command.nvr, at.id)
    refuse_out_of_reach(command.host, command.port)
    _refuse_known(by.actor, at.organisation, command.serial, command.mac)
    assert at.organisation
    return Placed(
        at.organisation, vault.put(state.id, command.password or PasswordRules().generate())
    )


@supplies(Reached)
def reached(
    command: ChangeDevice | GivePassword | ReplaceDevice, state: DeviceState, by: By
) -> Reached:
    """The address, if Rekey may talk to it; the typed password, put into the vault."""
    if isinstance(command, GivePassword):
        return Reached(vault.put(state.id, command.password) if command.password else None)
    refuse_out_of_reach((command.host or state.host).strip(), command.port or state.port)
    if not isinstance(command, ReplaceDevice) or not command.password:
        return Reached()
    passwords = (command.password, PasswordRules().generate())
    return Reached(*vault.put_many((state.id, password) for password in passwords))


@supplies(Holds)
def holds(command: Command[DeviceState], state: DeviceState, by: By) -> Holds:
    """Who works on the device, and what hangs on it."""
    return held(state.id)


def held(device: UUID, going: Collection[UUID] = ()) -> Holds:
    """The same of a device that goes together with others: cameras that go too hold no NVR."""
    reasons = tuple(reason for asks in _busy if (reason := asks(device)))
    cameras = Device.objects.for_jobs().filter(nvr=device, removed=False)
    staying = set(cameras.values_list("pk", flat=True)) - set(going)
    return Holds(reasons, len(staying))


@supplies(LeftThere)
def left_there(command: CloseSite, state: SiteState, by: By) -> LeftThere:
    return LeftThere(Device.objects.for_jobs().filter(site=state.id, removed=False).count())


@supplies(Destination)
def destination(command: MoveDevice, state: DeviceState, by: By) -> Destination:
    """The site that it is moved to, as whoever asks may see it."""
    at = queries.place(by.actor, command.site)
    assert at.organisation
    return Destination(at.organisation, at.name)


@supplies(Recorder)
def recorder(command: PlaceOnChannel, state: DeviceState, by: By) -> Recorder:
    """The NVR, as whoever asks may see it."""
    if command.nvr is None:
        return Recorder("")
    return Recorder(_recorder(by.actor, command.nvr, state.site).name)


@supplies(Ground)
def ground(command: RequestScan, state: ScanState, by: By) -> Ground:
    """The site, as whoever asks may see it."""
    at = queries.place(by.actor, command.site)
    assert at.organisation
    return Ground(at.organisation, tuple(at.networks))


def refuse_out_of_reach(host: str, port: int) -> None:
    """Raises Refused for this very server and for what no device can be at."""
    problem = reach.current().problem(host, port)
    if problem is not None:
        raise Refused(
            "host_forbidden",
            "Rekey does not talk to this address: it is its own, a cloud service's, or no single"
            " machine's. Give the device's.",
            field="host",
            because=problem,
        )


def _recorder(actor: Actor, nvr: UUID, site: UUID | None) -> Device:
    row = queries.device(actor, nvr)
    if row.site != site or row.kind != Kind.NVR or row.removed:
        raise Refused("nvr_wrong", "Choose an NVR of the same site.", field="nvr")
    return row


def _refuse_known(actor: Actor, organisation: UUID | None, serial: str, mac: str) -> None:
    """A serial number or a MAC address belongs to one device. Only what may be seen is named."""
    for field, value in (("serial", serial.strip()), ("mac", mac_in(mac))):
        if not value:
            continue
        same = queries.devices(actor).filter(**{field: value}, organisation=organisation).first()
        if same is not None:
            raise taken(field, same.name)
