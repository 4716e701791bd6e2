"""By the password that is still known: the account changes its own. Only a rotation does so, for
devices that Rekey has no account of its own on.
"""

from __future__ import annotations

from devices.cuts import cut_at
from devices.doors import login
from devices.drivers.base import DoorTried, Login
from devices.drivers.errors import DeviceError, NotAuthorised
from devices.drivers.proof import Proof
from devices.state import CredentialState
from devices.steps.check_device import RecordCheck
from devices.steps.credential import PromoteCandidate
from devices.vault import VaultError
from fleet.eventstore.handling import handle
from fleet.eventstore.store import state_of
from resets.applying.change import Change


class KnownRefused(NotAuthorised):
    """Nothing else is tried then: each wrong login brings the device nearer to its lock."""

    code = "known_refused"
    happened = "The device does not open with the password that Rekey knows."
    sentence = (
        "Somebody has changed it there. Type the new one under Device Security, or reset the "
        "device's password."
    )


class ByKnownPassword(Change):
    """The account itself sets its new password."""

    def apply(self) -> None:
        self._settle_earlier()
        super().apply()

    def put(self) -> None:
        own = self._own()
        try:
            self.talk.ask_as(
                own, lambda driver, one: driver.set_password(one, own.username, self.new.password)
            )
        except NotAuthorised as error:
            if not self._cut_by_earlier_run():
                raise KnownRefused from error

    def prove(self) -> Proof:
        """Nobody else can set it anew: what the device has made of it is found out before the
        tries are spent on a proof that cannot be.
        """
        if not self.talk.check(self.new):
            if cut_at(self.talk, self.new):
                refused = DoorTried(self.talk.doors()[0].name, "new", False)
                return Proof((refused,), False, "new_refused")  # `settle` looks where it was cut
            self.talk.check(self._own())  # of a liar: it makes good for the tries until here
        return super().prove()

    def give_up(self, error: DeviceError | VaultError, *, withdraw: bool) -> None:
        super().give_up(error, withdraw=withdraw)
        if isinstance(error, KnownRefused):
            handle(RecordCheck(opened=False), self.device.id, self.talk.by)

    def _own(self) -> Login:
        """Raises KnownRefused where there is none, vault.VaultError."""
        if self.credential.current is None:
            raise KnownRefused
        own = login(self.device.id, self.reset.username, self.credential.current)
        self.talk.trust(own)
        return own

    def _settle_earlier(self) -> None:
        """A change before this one may have lost the device's answer: then its candidate is what
        the device has, and nobody knew. Raises DeviceError, vault.VaultError.
        """
        left = self.credential.candidate
        if left in (None, self.secret) or self.talk.check(self._own()):
            return
        assert left
        if not self.talk.check(login(self.device.id, self.reset.username, left)):
            raise KnownRefused
        handle(PromoteCandidate(left), self.account, self.talk.by)
        self.credential = state_of(CredentialState, self.account)

    def _cut_by_earlier_run(self) -> bool:
        """Whether a run before this one has set the new password, and the device has cut it."""
        came_back = self.secret in self.credential.known
        return came_back and cut_at(self.talk, self.new) is not None
