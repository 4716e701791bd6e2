"""By the device's own check of the code: the recovery protocol (README).

The person has proven the mailbox to Rekey by then, and Rekey works out the codes: so where the
challenge has run out meanwhile, it takes another one and answers it by itself.
"""

from __future__ import annotations

from django.utils import timezone

from devices.drivers.base import Challenge
from devices.drivers.errors import ChallengeVoid, CodeRefused, Declined, DeviceError
from devices.drivers.recovery_crypto import code_for, unb64
from devices.vault import VaultError
from fleet.eventstore.handling import handle
from fleet.eventstore.store import state_of
from resets.applying.challenges import ask, ask_challenge, key_of
from resets.applying.change import Change
from resets.applying.state import Taken
from resets.state import Door, ResetState
from resets.steps.prove_password import SIGNED, RecordProof

MOST_CHALLENGES = 3  # in one run


class RecoveryRefused(Declined):
    """K is right, or the device would have said so; the code that follows from it is not."""

    code = "recovery_refused"
    happened = "The device refused the code that Rekey worked out with the device's own key."
    sentence = "Its recovery does not work as it should: use the factory restore."


class ByRecovery(Change):
    """The device is told the code and the new password in one, sealed."""

    def put(self) -> None:
        key, void = key_of(self.device), ChallengeVoid()
        for _ in range(MOST_CHALLENGES):
            taken = self._challenge()
            challenge = Challenge(taken.challenge, unb64(taken.value), 0, 0)
            code = code_for(key, challenge.value, taken.serial)
            try:
                self._complete(challenge, code, key)
            except ChallengeVoid as error:
                self.reset, void = self.reset.but(taken=None), error
            except CodeRefused as error:
                raise RecoveryRefused from error
            else:
                return
        raise void

    def _complete(self, challenge: Challenge, code: str, key: bytes) -> None:
        """Whatever the device says: the new password may be on it by an earlier copy of this."""
        try:
            ask(self.talk, lambda driver: driver.complete(challenge, code, key, self.new))
        except DeviceError as error:
            if not (error.maybe_done and self.talk.check(self.new)):
                raise

    def _challenge(self) -> Taken:
        taken = self.reset.taken
        if taken is None or taken.brought or timezone.now() >= taken.expires_at:
            given = ask_challenge(self.talk, send=0)
            self.reset = handle(given, self.reset.id, self.talk.by).state
            taken = Taken(0, given.challenge, given.value, given.serial, given.expires_at)
        return taken

    def settle_signed(self, error: DeviceError | VaultError) -> None:
        """The device has signed that it has the password, and cannot be asked now."""
        doors = tuple(Door(door.name, "new", None, error.code) for door in self.talk.doors())
        handle(RecordProof(doors, SIGNED), self.reset.id, self.talk.by)

    def wait(self, error: DeviceError | VaultError) -> None:
        if state_of(ResetState, self.reset.id).is_offline:
            return  # somebody has gone to the device meanwhile: an order is made for it
        super().wait(error)
