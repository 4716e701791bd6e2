"""What the commands of proposals are told of the device: looked up in their transaction."""

from __future__ import annotations

from devices import queries as devices
from devices.models import Device
from fleet.eventstore.handling import supplies
from fleet.eventstore.messages import By, Command
from resets.mailboxes.state import MailboxState
from resets.mailboxes.steps import DeviceNow, ProposeMailbox


@supplies(DeviceNow)
def found(command: Command[MailboxState], state: MailboxState, by: By) -> DeviceNow:
    """The device: to whoever proposes as they may see it, to an outsider there is none."""
    if isinstance(command, ProposeMailbox):
        return device_now(devices.device(by.actor, command.device))
    assert state.subject
    return device_now(devices.device_for_jobs(state.subject))


def device_now(row: Device) -> DeviceNow:
    assert row.organisation and row.site
    address = f"{row.host}:{row.port}"
    return DeviceNow(
        row.pk, row.organisation, row.site, row.name, address, row.reset_email, row.removed
    )
