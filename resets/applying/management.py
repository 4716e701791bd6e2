"""By Rekey's own account on the device, made while the device was taken into the fleet."""

from __future__ import annotations

from devices.doors import login
from devices.drivers.base import Login
from devices.drivers.errors import NotAuthorised
from devices.queries import credential_for_jobs
from devices.state import Purpose
from resets.applying.change import Change


class ByManagement(Change):
    """An administrator sets the password of the account that lost it."""

    def put(self) -> None:
        self.talk.ask_as(
            self._management(),
            lambda driver, own: driver.set_password(own, self.new.username, self.new.password),
        )

    def _management(self) -> Login:
        credential = credential_for_jobs(self.device.id, Purpose.MANAGEMENT)
        if credential is None or credential.current is None:
            raise NotAuthorised("Rekey has no management account on the device.")
        own = login(self.device.id, credential.username, credential.current)
        self.talk.trust(own)
        return own
