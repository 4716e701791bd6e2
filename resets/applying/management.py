"""By Rekey's own account on the device, made while the device was taken into the fleet."""

from __future__ import annotations

from devices.doors import Talk, login
from devices.drivers.base import Login
from devices.drivers.errors import NotAuthorised
from devices.queries import credential_soon
from devices.state import Purpose
from fleet.eventstore.messages import Recorded
from resets.applying.change import Change
from resets.state import ResetState


class ByManagement(Change):
    """An administrator sets the password of the account that lost it."""

    def __init__(self, reset: ResetState, recorded: Recorded, talk: Talk) -> None:
        super().__init__(reset, recorded, talk)
        self._credential = credential_soon(self.device.id, Purpose.MANAGEMENT)

    def put(self) -> None:
        self.talk.ask_as(
            self._management(),
            lambda driver, own: driver.set_password(own, self.new.username, self.new.password),
        )

    def _management(self) -> Login:
        credential = self._credential()
        if credential is None or credential.current is None:
            raise NotAuthorised("Rekey has no management account on the device.")
        own = login(self.device.id, credential.username, credential.current)
        self.talk.trust(own)
        return own
