"""What is done to the device once the new password is chosen."""

from __future__ import annotations

from devices.doors import talking
from devices.drivers.errors import (
    CertificateChanged,
    Declined,
    DeviceError,
    FactoryFresh,
    ForbiddenAddress,
    NotAuthorised,
    NotSupported,
    OpensToAnything,
)
from devices.queries import device_for_jobs
from devices.vault import VaultError
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import reaction
from resets.applying.change import Change
from resets.applying.management import ByManagement
from resets.applying.recovery import ByRecovery
from resets.approvals.binding import VOID, VOID_WORDS, still_fits
from resets.state import Phase, RecoveryMethod, ResetState
from resets.steps.apply_password import RecordApplied
from resets.steps.choose_password import PasswordGenerated, PasswordTyped
from resets.steps.fail_reset import FailReset

WAYS: dict[RecoveryMethod, type[Change]] = {
    RecoveryMethod.MANAGEMENT_ACCOUNT: ByManagement,
    RecoveryMethod.DEVICE_RECOVERY: ByRecovery,
}


@reaction(PasswordGenerated, PasswordTyped, urgent=True)
def apply_password(recorded: Recorded) -> None:
    """Put the new password on the device and prove it."""
    reset = state_of(ResetState, recorded.stream)
    if reset.phase not in (Phase.APPLYING, Phase.PROVING):
        return
    assert reset.subject
    device = device_for_jobs(reset.subject)
    if reset.is_offline and reset.phase is Phase.APPLYING:
        return  # an order is made for it, see `carrying`
    with talking(device, recorded, "apply and prove the new password") as talk:
        change = WAYS[reset.method](reset, recorded, talk)
        try:
            if reset.phase is Phase.APPLYING:
                if not still_fits(reset, device):
                    handle(FailReset(VOID, VOID_WORDS), reset.id, talk.by)
                    return
                change.apply()
                handle(RecordApplied(), reset.id, talk.by)
            change.settle(change.prove())
        except (
            Declined,
            NotAuthorised,
            NotSupported,
            OpensToAnything,
            FactoryFresh,
            CertificateChanged,
            ForbiddenAddress,
        ) as error:
            change.give_up(error, withdraw=not error.maybe_done)
        except (DeviceError, VaultError) as error:
            change.wait(error)
