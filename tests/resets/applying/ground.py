"""A camera that checks codes by itself, and resets of it, in the test's own process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from devices.drivers.base import Address
from devices.drivers.recovery import Recovery
from devices.queries import device_for_jobs
from devices.state import CredentialState, Kind, credential_id
from devices.steps.activate_device import ActivateDevice
from devices.virtual import DeviceSpec, ThreadedFleet, fleet_in_thread, uniform_scenario
from devices.virtual.spec import ServiceSpec
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow
from fleet.eventstore.store import read_stream, state_of
from resets.applying.challenges import code_key_of, key_of
from resets.state import RecoveryMethod
from resets.steps.choose_password import ChoosePassword
from resets.steps.request_reset import RequestReset
from resets.steps.send_code import SendCode
from resets.steps.verify_code import VerifyCode
from tests.cast import Cast, work
from tests.faults.ground import Camera, state

MAILBOX = "owner@example.com"
SERVICES = (ServiceSpec("recovery", 0), ServiceSpec("rtsp", 0))


def spec(**traits: Any) -> DeviceSpec:
    [drawn] = uniform_scenario(seed=5, count=1, port_base=0)
    return replace(drawn, **{"fresh": True, "services": SERVICES, **traits})


@dataclass
class Able(Camera):
    """A camera that speaks the recovery protocol, activated by Rekey."""

    method: RecoveryMethod | None = RecoveryMethod.DEVICE_RECOVERY

    def begin(self) -> UUID:
        """Up to the code that was asked for, which no worker has mailed yet."""
        reset = self.request()
        self.do(reset, SendCode())
        return reset

    def request(self) -> UUID:
        reset = new_id()
        self.do(reset, RequestReset(self.id, "Lost", self.method))
        return reset

    def do(self, reset: UUID, command: Any) -> Any:
        return handle(command, reset, self.who.by(self.who.alice))

    def code(self, reset: UUID) -> str:
        found = state(reset)
        return code_key_of(found).code(reset, found.sends, found.digits)

    def choose(self, reset: UUID) -> None:
        """The right code and a generated password: from here it is a worker's turn."""
        work()  # the challenge, and the mail
        self.do(reset, VerifyCode(self.code(reset)))
        self.do(reset, ChoosePassword())

    @property
    def candidate(self) -> UUID | None:
        """What the device may have heard of, as far as Rekey knows."""
        return state_of(CredentialState, credential_id(self.id, "admin")).candidate

    @property
    def key(self) -> bytes:
        return key_of(device_for_jobs(self.id))

    @property
    def flash(self) -> dict[str, str]:
        """What the device keeps of itself without power."""
        return self.fleet._fleet.device(self.spec.serial).flash

    @property
    def is_set(self) -> bool:
        """Whether it has a password at all."""
        return not self.fleet._fleet.device(self.spec.serial).fresh

    @property
    def recovery(self) -> Recovery:
        """What anybody on its network may ask it by."""
        return Recovery(Address(*self.fleet.address(self.spec.serial, "recovery")))

    def calls(self, name: str) -> int:
        return self.fleet.calls(self.spec.serial).get(name, 0)

    def lose(self, password: str = "Somebody-Else-9") -> None:
        """Its password is changed behind Rekey's back."""
        self.fleet.change_password(self.spec.serial, "admin", password)


@contextmanager
def activated(who: Cast, **traits: Any) -> Iterator[Able]:
    made = spec(**traits)
    with fleet_in_thread([made]) as fleet:
        yield activate(who, fleet, made)


def activate(who: Cast, fleet: ThreadedFleet, made: DeviceSpec) -> Able:
    camera = added(who, fleet, made)
    work()
    assert device_for_jobs(camera.id).certified
    return camera


def added(who: Cast, fleet: ThreadedFleet, made: DeviceSpec) -> Able:
    """One that a worker has yet to activate."""
    host, port = fleet.address(made.serial)
    services = " ".join(f"{s.name}:{fleet.address(made.serial, s.name)[1]}" for s in made.services)
    device = new_id()
    ask = ActivateDevice(
        who.site, Kind.CAMERA, made.name, host, port, MAILBOX, services=services, tls=made.tls
    )
    handle(ask, device, who.by(who.alice))
    return Able(who, fleet, made, device)


def code_in(mail: Any) -> str:
    found = re.search(r"^ {4}(\d{4} \d{4})\r?$", mail.text, re.M)
    assert found, repr(mail.text)
    return found[1]


def code_mails(sink: Any) -> list[Any]:
    """Those with a code in them, and not what people are told afterwards."""
    return [mail for mail in sink.mails() if re.search(r"^ {4}\d{4} \d{4}\r?$", mail.text, re.M)]


def types(reset: UUID) -> list[str]:
    """What happened, without the app's name before it."""
    return [recorded.type.partition(".")[2] for recorded in read_stream(reset)]


def everything_logged() -> str:
    return "\n".join(EventRow.everything.values_list("data", flat=True))
