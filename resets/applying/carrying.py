"""What is done about a device that Rekey does not reach: an order is made, its result settled."""

from __future__ import annotations

from django.utils import timezone

from devices.doors import talking
from devices.drivers.errors import DeviceError
from devices.queries import device_for_jobs
from devices.state import CredentialState, credential_id
from devices.steps.check_device import CheckRequested
from devices.steps.credential import PromoteCandidate, WithdrawCandidate
from devices.vault import VaultError
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import later, reaction
from resets.applying.orders import make_order
from resets.applying.recovery import ByRecovery
from resets.approvals.binding import VOID, VOID_WORDS, still_fits
from resets.models import Reset
from resets.state import Phase, ResetState
from resets.steps.bring_result import ResultBrought
from resets.steps.choose_password import PasswordGenerated, PasswordTyped
from resets.steps.fail_reset import FailReset
from resets.steps.give_order import ANSWER_WITHIN, ExpireOrder, OrderMade
from resets.steps.prove_password import SIGNED
from resets.steps.take_challenge import ChallengeBrought


@reaction(
    PasswordGenerated,
    PasswordTyped,
    ChallengeBrought,
    urgent=True,
    wanted=lambda reset: reset.is_offline,
)
def give_order(recorded: Recorded) -> None:
    """Make the order that answers the challenge which was brought, once the password is chosen."""
    reset = state_of(ResetState, recorded.stream)
    if reset.phase is not Phase.APPLYING or not reset.is_offline:
        return
    assert reset.subject
    by = recorded.because("make the order")
    if still_fits(reset, device_for_jobs(reset.subject)):
        make_order(reset, by)
    else:
        handle(FailReset(VOID, VOID_WORDS), reset.id, by)


@reaction(OrderMade, due=lambda event: event.answer_until)
def expire_order(recorded: Recorded) -> None:
    handle(ExpireOrder(), recorded.stream, recorded.because("end the wait for a result"))


@reaction(ResultBrought, urgent=True, at_site=True)
def settle_order(recorded: Recorded) -> None:
    """Keep what the device has signed, and try its doors. Where that cannot be done now, that is
    said, and they are tried again for a day.
    """
    reset, by = state_of(ResetState, recorded.stream), recorded.because("settle the order")
    assert reset.subject and reset.secret
    account = credential_id(reset.subject, reset.username)
    if reset.phase is Phase.FAILED:  # it has signed that it did not take it
        handle(WithdrawCandidate(reset.secret), account, by)
    elif reset.phase is Phase.PROVING:
        handle(PromoteCandidate(reset.secret), account, by)
    if not _proven(reset, recorded) and timezone.now() < recorded.at + ANSWER_WITHIN:
        raise later(recorded, SIGNED)


@reaction(CheckRequested, urgent=True, at_site=True)
def prove_signed(recorded: Recorded) -> None:
    """Somebody asks about a device: try the doors that could not be tried before."""
    unproven = Reset.objects.for_jobs().filter(
        device=recorded.stream, phase=Phase.UNPROVEN.value, outcome=SIGNED
    )
    for row in unproven.order_by("-id")[:1]:
        _proven(state_of(ResetState, row.pk), recorded)


def _proven(reset: ResetState, recorded: Recorded) -> bool:
    """Whether nothing is left to be tried. Raises Later."""
    assert reset.subject
    if reset.phase is not Phase.PROVING and (reset.phase, reset.outcome) != _SIGNED:
        return True
    device = device_for_jobs(reset.subject)
    account = state_of(CredentialState, credential_id(device.id, reset.username))
    if account.current != reset.secret:
        return True  # it has got another one since
    with talking(device, recorded, "prove what the device has signed") as talk:
        change = ByRecovery(reset, recorded, talk)
        try:
            change.settle(change.prove())
        except (DeviceError, VaultError) as error:
            change.settle_signed(error)
            return False
    return True


_SIGNED = (Phase.UNPROVEN, SIGNED)
