"""TLS certificates, pinned on first use. Another one stops all talk until it is accepted.

Trust on first use: whoever stands between Rekey and the device at that moment is not found out;
whoever comes there later is.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from devices.state import DeviceState, Pin
from devices.steps.check_device import CheckRequested
from devices.steps.remove_device import refuse_removed
from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Command, Event, asked, command, event


@event("devices.certificate_pinned")
class CertificatePinned(Event[DeviceState]):
    """The certificate that port {port} showed first has to be shown from now on."""

    port: int
    certificate: str

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(pins=_with(state.pins, Pin(self.port, self.certificate)))


@event("devices.certificate_changed")
class CertificateChangeSeen(Event[DeviceState]):
    """Port {port} showed another certificate than before; nothing was sent to it."""

    port: int
    certificate: str

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(strange=_with(state.strange, Pin(self.port, self.certificate)))


@event("devices.certificate_accepted")
class CertificateAccepted(Event[DeviceState]):
    """{actor} accepted the new certificate of port {port}."""

    port: int
    certificate: str

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(
            pins=_with(state.pins, Pin(self.port, self.certificate)),
            strange=tuple(pin for pin in state.strange if pin.port != self.port),
        )


@command(by=Role.JOB)
class PinCertificate(Command[DeviceState]):
    """Pin the certificate of a port that has none pinned yet."""

    port: int
    certificate: str

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        if all(pin.port != self.port for pin in state.pins):
            yield CertificatePinned(self.port, self.certificate)


@command(by=Role.JOB)
class RecordCertificateChange(Command[DeviceState]):
    """Record a certificate that is not the pinned one."""

    port: int
    certificate: str

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        if Pin(self.port, self.certificate) not in state.strange:
            yield CertificateChangeSeen(self.port, self.certificate)


@command(by=Role.OPERATOR)
class AcceptCertificate(Command[DeviceState]):
    """Accept the new certificate of a device that was reset, updated or replaced."""

    certificate: str = asked(
        "New certificate", help="Its SHA-256, as the device's own page shows it."
    )
    reason: str = asked("Why has it changed?", long=True, max_length=500)

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        refuse_removed(state)
        given = self.certificate.replace(":", "").strip().lower()
        found = next((pin for pin in state.strange if pin.certificate == given), None)
        if found is None:
            raise Refused(
                "not_that_certificate",
                "The device has not shown this certificate. Look at its page again.",
                field="certificate",
            )
        if not self.reason.strip():
            raise Refused("reason_missing", "Say why; it stands in the history.", field="reason")
        yield CertificateAccepted(found.port, found.certificate)
        yield CheckRequested()


def _with(pins: tuple[Pin, ...], new: Pin) -> tuple[Pin, ...]:
    return (*(pin for pin in pins if pin.port != new.port), new)
