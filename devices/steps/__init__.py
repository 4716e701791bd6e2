"""What can be done with sites, devices and credentials. One step, one file."""

from devices.steps import (
    add_device,
    check_device,
    credential,
    open_site,
    reveal_password,
    take_in_device,
)

__all__ = [
    "add_device",
    "check_device",
    "credential",
    "open_site",
    "reveal_password",
    "take_in_device",
]
