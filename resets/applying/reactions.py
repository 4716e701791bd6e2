"""What is done to the device once the new password is chosen."""

from __future__ import annotations

from contextlib import ExitStack

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
from devices.models import Device
from devices.queries import device_for_jobs, device_soon
from devices.vault import VaultError
from fleet.eventstore.handling import Order, handle_soon, handle_together
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import Later, reaction
from resets.applying.change import Change
from resets.applying.known import ByKnownPassword
from resets.applying.management import ByManagement
from resets.applying.recovery import ByRecovery
from resets.applying.restore import LOOK_AGAIN, ByRestore, SetAtDevice
from resets.approvals.binding import VOID, VOID_WORDS, still_fits
from resets.state import Phase, RecoveryMethod, ResetState
from resets.steps.apply_password import RecordApplied
from resets.steps.choose_password import PasswordGenerated, PasswordTyped
from resets.steps.fail_reset import FailReset
from resets.steps.restore_device import PasswordSetByHand

WAYS: dict[RecoveryMethod, type[Change]] = {
    RecoveryMethod.MANAGEMENT_ACCOUNT: ByManagement,
    RecoveryMethod.DEVICE_RECOVERY: ByRecovery,
    RecoveryMethod.FACTORY_RESTORE: ByRestore,
    RecoveryMethod.KNOWN_PASSWORD: ByKnownPassword,
}


@reaction(PasswordGenerated, PasswordTyped, urgent=True, many=True, at_site=True)
def apply_password(recorded: Recorded) -> None:
    """Put the new password on the device and prove it."""
    assert recorded.subject
    device = device_soon(recorded.subject)
    reset = state_of(ResetState, recorded.stream)
    if reset.phase not in (Phase.APPLYING, Phase.PROVING):
        return
    if reset.is_offline and reset.phase is Phase.APPLYING:
        return  # an order is made for it, see `carrying`
    if reset.restore.by_hand:
        if reset.phase is Phase.APPLYING:
            raise Later(LOOK_AGAIN, "by_hand")  # `verify_by_hand` is at it
        return
    _apply(reset, device(), recorded, WAYS[reset.method])


@reaction(PasswordSetByHand, urgent=True, at_site=True)
def verify_by_hand(recorded: Recorded) -> None:
    """See whether the password that was set at the device opens it, and prove it."""
    reset = state_of(ResetState, recorded.stream)
    if reset.restore.by_hand and reset.phase in (Phase.APPLYING, Phase.PROVING):
        assert reset.subject
        _apply(reset, device_for_jobs(reset.subject), recorded, SetAtDevice)


def _apply(reset: ResetState, device: Device, recorded: Recorded, way: type[Change]) -> None:
    with talking(device, recorded, "apply and prove the new password") as talk:
        change = way(reset, recorded, talk)
        try:
            with ExitStack() as told:
                if reset.phase is Phase.APPLYING:
                    if not still_fits(reset, device):
                        handle_together([Order(FailReset(VOID, VOID_WORDS), reset.id)], talk.by)
                        return
                    change.apply()
                    # It is written while the device is asked.
                    told.callback(handle_soon([Order(RecordApplied(), reset.id)], talk.by))
                proof = change.prove()
            change.settle(proof)
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
