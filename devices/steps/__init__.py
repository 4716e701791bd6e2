"""The contents page of sites, devices and credentials: what can be done with them."""

from fleet.eventstore.messages import contents

contents(
    __name__,
    "open_site",
    "site_networks",
    "close_site",
    "scan_network",
    "discover",
    "add_device",
    "import_devices",
    "activate_device",
    "take_in_device",
    "check_device",
    "certificates",
    "change_device",
    "place_on_channel",
    "move_device",
    "replace_device",
    "restore_device",
    "change_reset_email",
    "remove_device",
    "credential",
    "give_password",
    "try_history",
    "reveal_password",
    "hand_over_password",
)
