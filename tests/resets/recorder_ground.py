"""An NVR with cameras on its channels, and one of them that it does not open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.conf import settings

from devices import vault
from devices.models import Device
from devices.queries import credential_for_jobs, device_for_jobs
from devices.state import Purpose
from devices.steps.check_device import CheckDevice
from devices.virtual import DeviceSpec, ThreadedFleet, fleet_in_thread
from devices.virtual.spec import ServiceSpec
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import By, Command
from fleet.eventstore.store import read_stream, state_of
from resets.codes import CodeKey
from resets.models import Reset
from resets.state import ResetState
from resets.steps.choose_password import ChoosePassword
from resets.steps.request_reset import RequestReset
from resets.steps.send_code import SendCode
from resets.steps.verify_code import VerifyCode
from tests.cast import Cast, add_device, work
from tests.devices.drivers.made_up import camera, password

RECORDER, GATE, QUAY = "2200000000001", "2200000000002", "2200000000003"
CHANNEL = 3
PUBLISHED = ServiceSpec("vigi_nvr", tls=True)
ADAPTER = ServiceSpec("vigi_recorder", tls=True)
BOTH = (PUBLISHED, ADAPTER)


@dataclass
class Site:
    """The NVR and its cameras, all taken in; the gate is on channel 3, the quay on 5."""

    who: Cast
    fleet: ThreadedFleet
    specs: dict[str, DeviceSpec]
    nvr: UUID
    gate: UUID
    quay: UUID
    work: Callable[[], object]

    @property
    def by(self) -> By:
        return self.who.by(self.who.tess)

    # --- what happens to it -----------------------------------------------------------------------

    def shut_out(self) -> None:
        """The camera gets another password that nobody knows, and the NVR notices."""
        self.fleet.change_password(GATE, "admin", password())
        self.look(self.gate, self.nvr)
        assert self.camera.nvr_opens is False

    def shut_out_of_nvr(self) -> None:
        """The NVR loses the password, and Rekey does not."""
        self.fleet.change_copy(RECORDER, CHANNEL, "admin", password())
        self.look(self.nvr)
        assert (self.camera.certified, self.camera.nvr_opens) == (True, False)

    def look(self, *devices: UUID) -> None:
        for device in devices:
            handle(CheckDevice(), device, self.by)
        self.work()

    # --- a reset ----------------------------------------------------------------------------------

    def begin(self) -> UUID:
        reset = new_id()
        handle(RequestReset(self.gate, "The installer left"), reset, self.by)
        self.work()
        return reset

    def do(self, reset: UUID, step: Command[Any]) -> None:
        handle(step, reset, self.by)
        self.work()

    def choose(self, reset: UUID) -> None:
        """From the code to the new password; a worker's turn is next."""
        handle(SendCode(), reset, self.by)
        code = CodeKey(settings.REKEY_CODE_KEY).code(reset, self.state(reset).sends, 8)
        handle(VerifyCode(code), reset, self.by)
        handle(ChoosePassword(), reset, self.by)

    # --- how it stands ----------------------------------------------------------------------------

    @property
    def camera(self) -> Device:
        return device_for_jobs(self.gate)

    @property
    def channels(self) -> dict[int, tuple[str, bool | None]]:
        return dict(self.fleet.channels(RECORDER))

    @property
    def current(self) -> str:
        known = credential_for_jobs(self.gate, Purpose.DEVICE)
        assert known and known.current
        return vault.get(known.current, self.gate)

    @property
    def current_opens(self) -> bool:
        return self.fleet.opens(GATE, "admin", self.current)

    def state(self, reset: UUID) -> ResetState:
        return state_of(ResetState, reset)

    def id_in(self, address: str) -> UUID:
        return UUID(address.strip("/").rsplit("/", 1)[-1])

    def row(self, reset: UUID) -> Reset:
        found: Reset = Reset.objects.for_jobs().get(pk=reset)
        return found

    def stands(self, reset: UUID) -> tuple[str, str, str]:
        row = self.row(reset)
        return row.phase, row.recorder, row.recorder_detail

    def told(self, reset: UUID) -> list[str]:
        return [recorded.type.removeprefix("resets.") for recorded in read_stream(reset)]

    def nvr_door(self, reset: UUID) -> tuple[bool | None, str] | None:
        doors = [d for d in self.state(reset).doors if d.door == "nvr"]
        assert len(doors) <= 1
        return (doors[0].opened, doors[0].detail) if doors else None


@contextmanager
def site(
    who: Cast,
    services: tuple[ServiceSpec, ...] = BOTH,
    *,
    work: Callable[[], object] = work,
    **traits: Any,
) -> Iterator[Site]:
    """The site, with an NVR of these services and traits; `gate` is of the camera's own. `work`
    does what a worker does, or waits for one.
    """
    gate_traits = traits.pop("gate", {})
    given = {"seed": "7", "firmware": "1.2.0 Build 240101"}
    nvr = camera(serial=RECORDER, kind="nvr", services=services, **given, **traits)
    gate = camera(serial=GATE, nvr=RECORDER, channel=CHANNEL, name="Gate", **gate_traits)
    quay = camera(serial=QUAY, nvr=RECORDER, channel=5, name="Quay", mac="00-FF-00-13-31-02")
    specs = {
        RECORDER: replace(nvr, name="Harbour recorder"),
        GATE: replace(gate, mac="00-FF-00-13-31-01"),
        QUAY: quay,
    }
    with fleet_in_thread(specs.values()) as fleet:
        named = " ".join(f"{s.name}:{fleet.address(RECORDER, s.name)[1]}" for s in services)
        recorder = add_device(who, fleet, specs[RECORDER], services=named)
        added = {
            serial: add_device(
                who, fleet, specs[serial], nvr=recorder, channel=specs[serial].channel
            )
            for serial in (GATE, QUAY)
        }
        work()
        there = Site(who, fleet, specs, recorder, added[GATE], added[QUAY], work)
        there.look(recorder)
        yield there
