"""A device's Reset Password Email becomes another one.

Only Rekey itself does it, once two people have agreed (`resets.mailboxes`): no form and no list
does. Nothing is changed on the device.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from devices.mailbox import masked
from devices.state import DeviceState
from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, command, event


@event("devices.reset_email_changed")
class ResetEmailChanged(Event[DeviceState]):
    """The Reset Password Email is {mailbox} from now on; two people agreed to it."""

    reset_email: str
    old_email: str
    mailbox: str

    def evolve(self, state: DeviceState) -> DeviceState:
        return state.but(reset_email=self.reset_email)


@command(by=Role.JOB)
class ChangeResetEmail(Command[DeviceState]):
    """Change the mailbox from `old` to `new`; nothing happens where it is another one by now, or
    where the device is not at the site any more whose people have agreed.
    """

    old: str
    new: str
    site: UUID

    def decide(self, state: DeviceState, now: datetime) -> Iterable[Event[DeviceState]]:
        agreed = state.reset_email == self.old and state.site == self.site
        if agreed and not state.removed:
            yield ResetEmailChanged(self.new, self.old, masked(self.new))
