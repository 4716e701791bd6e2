"""What happens because of a drill: the mail, the try at the device, and the end of its time."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from devices.doors import Talk, login, talking
from devices.drivers.errors import BadAnswer, DeviceError, NotAuthorised, Unreachable
from devices.queries import credential_for_jobs, device_for_jobs
from devices.state import Purpose
from devices.vault import VaultError
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import later, reaction
from resets.applying.challenges import LastTry, ask, key_of
from resets.codes import CodeKey
from resets.delivery.sending import TOO_LATE, is_owed, send
from resets.models import Reset
from resets.readiness.events import DrillBegun, DrillCodeIssued, DrillCodeVerified
from resets.readiness.letter import drill_letter
from resets.readiness.state import DrillPhase, DrillState
from resets.readiness.steps import (
    ExpireDrill,
    FailDrill,
    PassDrill,
    RecordDrillMail,
    RecordDrillWait,
)
from resets.state import Delivery, RecoveryMethod

PATIENCE = timedelta(minutes=5)  # with a device that does not answer


@reaction(DrillBegun, due=lambda event: event.expires_at)
def expire_drill(recorded: Recorded) -> None:
    handle(ExpireDrill(), recorded.stream, recorded.because("end what nobody went on with"))


@reaction(DrillCodeIssued, urgent=True)
def mail_drill_code(recorded: Recorded) -> None:
    """Mail the code. Run twice, it mails the same code under the same Message-ID."""
    issued, drill = recorded.event, state_of(DrillState, recorded.stream)
    assert isinstance(issued, DrillCodeIssued)
    if drill.sends != issued.send or drill.phase is not DrillPhase.CODE_SENT:
        return  # a newer code has replaced it, or it is not needed any more
    if not is_owed(drill.delivery):
        return

    def record(delivery: Delivery, answer: str) -> None:
        by = recorded.because("mail the code of a drill")
        handle(RecordDrillMail(issued.send, delivery, answer), drill.id, by)

    if timezone.now() >= issued.expires_at:
        record(Delivery.REFUSED, TOO_LATE)
        return
    code = CodeKey(settings.REKEY_CODE_KEY).code(drill.id, issued.send, drill.rules.digits)
    assert drill.subject
    letter = drill_letter(drill, recorded, code, device_for_jobs(drill.subject))
    send(letter, recorded, record, code=code)


# --- the way to the device ------------------------------------------------------------------------


@reaction(DrillCodeVerified, urgent=True, at_site=True)
def try_way(recorded: Recorded) -> None:
    """Try whether a password could be set now. Nothing is set, so a run that comes back tries it
    once more. Raises Later while the device does not answer.
    """
    drill = state_of(DrillState, recorded.stream)
    if drill.phase is not DrillPhase.CHECKING:
        return
    assert drill.subject
    device = device_for_jobs(drill.subject)
    if device.removed:
        words = "The device was removed from the fleet meanwhile."
        handle(FailDrill("device_removed", words), drill.id, recorded.because("end a drill"))
        return
    with talking(device, recorded, "try the way of a drill") as talk:
        try:
            _WAYS[drill.method](talk)
        except (DeviceError, VaultError) as error:
            patient = timezone.now() < recorded.at + PATIENCE
            if isinstance(error, Unreachable) and patient:
                handle(RecordDrillWait(error.code), drill.id, talk.by)
                raise later(recorded, error.code, longest=60) from error
            words = f"{error} {error.sentence}" if isinstance(error, DeviceError) else str(error)
            handle(FailDrill(error.code, words), drill.id, talk.by)
        else:
            handle(PassDrill(), drill.id, talk.by)


def _by_management(talk: Talk) -> None:
    """Rekey's own account still opens the device. Raises DeviceError, VaultError."""
    credential = credential_for_jobs(talk.device.pk, Purpose.MANAGEMENT)
    if credential is None or credential.current is None:
        raise NotAuthorised("Rekey has no management account on the device.")
    own = login(talk.device.pk, credential.username, credential.current)
    talk.trust(own)
    if not talk.check(own):
        raise NotAuthorised("The device refused Rekey's own account.")


def _by_recovery(talk: Talk) -> None:
    """The key is in the vault, and the device that has the other one gives a challenge: that costs
    no try. A challenge voids the one before, so none is asked for while a reset may hold one.

    Raises DeviceError, VaultError.
    """
    key_of(talk.device)
    serial = ask(talk, lambda driver: driver.identify()).serial
    if talk.device.serial and serial != talk.device.serial:
        raise BadAnswer("Another device answers at this address.")
    if Reset.objects.for_jobs().filter(device=talk.device.pk, open=True).exists():
        return
    if ask(talk, lambda driver: driver.challenge()).tries_left <= 1:
        raise LastTry


_WAYS = {
    RecoveryMethod.MANAGEMENT_ACCOUNT: _by_management,
    RecoveryMethod.DEVICE_RECOVERY: _by_recovery,
}
