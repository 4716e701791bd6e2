"""The contents page of a reset: its steps, in the order in which people meet them.

A step is a file with its command, its events and their sentences. A new one is that file, its line
here and a test: the wizard, the API, its document and the history take it from here.
"""

from fleet.eventstore.messages import contents

contents(
    __name__,
    "request_reset",
    "approve_reset",
    "break_glass",
    "site_rules",
    "recorder",
    "remove_from_recorder",
    "put_back_on_recorder",
    "send_code",
    "show_qr",
    "send_by_phone",
    "take_challenge",
    "deliver_code",
    "verify_code",
    "choose_password",
    "begin_in_campaign",
    "apply_password",
    "restore_device",
    "give_order",
    "bring_result",
    "prove_password",
    "fail_reset",
    "cancel_reset",
    "disown_reset",
    "expire_reset",
    "correct_mailbox",
    "add_note",
)
