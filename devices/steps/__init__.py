"""The contents page of sites, devices and credentials: what can be done with them."""

from fleet.eventstore.messages import contents

contents(
    __name__,
    "open_site",
    "add_device",
    "take_in_device",
    "check_device",
    "credential",
    "reveal_password",
)
