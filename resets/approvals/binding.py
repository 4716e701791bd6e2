"""An approval is bound to what was shown: when that has changed, it counts for nothing."""

from __future__ import annotations

from devices.models import Device
from resets.state import ResetState
from resets.steps.approve_reset import Agreement

VOID = "approval_void"  # the outcome of a reset that ends because of it
VOID_WORDS = (
    "the device is not as it was when a second person agreed, so that it was left alone; "
    "look at the device, and begin another reset"
)


def facts_of(device: Device, mailbox: str) -> tuple[str, ...]:
    """All that decides what will be done, and to which device."""
    where = (device.pk, device.site, device.host, device.port, device.tls)
    which = (device.name, device.serial, device.username, device.nvr_id, device.channel)
    return (*map(str, where), *map(str, which), mailbox)


def still_fits(reset: ResetState, device: Device) -> bool:
    """Whether what was agreed to is what would be done to the device now. True as well where nobody
    had to agree, and where somebody acts alone.
    """
    if not reset.approver or reset.glass_broken_by:
        return True
    facts = facts_of(device, reset.agreed_mailbox)
    return Agreement(facts=facts).digest(reset.method.value, reset.reason) == reset.digest
