"""What pages call things: the words, tones and icons of a reset. Tones are `fleet.web`'s."""

from __future__ import annotations

from typing import NamedTuple

from devices.drivers import errors
from devices.drivers.errors import DeviceError
from resets.recorder.state import AtRecorder
from resets.state import (
    AWAITS_BUTTON,
    AWAITS_CHALLENGE,
    AWAITS_HAND,
    AWAITS_RESULT,
    Delivery,
    Phase,
    RecoveryMethod,
    ResetState,
)
from resets.steps.prove_password import at_fault


class Look(NamedTuple):
    """How a status is shown. Without an icon it has its tone's own."""

    tone: str
    text: str
    icon: str = ""


PHASES = {
    Phase.AWAITING_APPROVAL: Look("warn", "Waits for a second person", "users"),
    Phase.REQUESTED: Look("warn", "Code not sent yet", "mail"),
    Phase.CODE_SENT: Look("warn", "Waits for the code", "mail-search"),
    Phase.VERIFIED: Look("warn", "Waits for a password", "key-round"),
    Phase.APPLYING: Look("busy", "Applying"),
    Phase.PROVING: Look("busy", "Proving"),
    Phase.DONE: Look("ok", "Done", "shield-check"),
    Phase.UNPROVEN: Look("bad", "Unproven", "shield-alert"),
    Phase.FAILED: Look("bad", "Failed"),
    Phase.EXPIRED: Look("quiet", "Expired", "timer-off"),
    Phase.CANCELLED: Look("quiet", "Cancelled", "ban"),
}

METHODS = {
    RecoveryMethod.MANAGEMENT_ACCOUNT: "By Rekey's own account on the device",
    RecoveryMethod.DEVICE_RECOVERY: "By the device itself, which checks the code",
    RecoveryMethod.FACTORY_RESTORE: "By hand: somebody restores it to its factory settings",
    RecoveryMethod.KNOWN_PASSWORD: "By the password that is known: the account changes its own",
}

DELIVERIES = {
    Delivery.NONE: Look("quiet", "No mail yet", "mail"),
    Delivery.QUEUED: Look("busy", "Queued"),
    Delivery.HANDED_OVER: Look("ok", "Handed to the mail server", "mail-check"),
    Delivery.DELIVERED: Look("ok", "Delivered", "mail-check"),
    Delivery.DEFERRED: Look("warn", "The mail server will be tried again", "mail-warning"),
    Delivery.HELD_UP: Look("warn", "The mailbox’s server puts it off", "mail-warning"),
    Delivery.REFUSED: Look("bad", "Refused", "mail-x"),
    Delivery.BOUNCED: Look("bad", "Came back", "mail-x"),
    Delivery.SPAM: Look("bad", "Marked as spam", "mail-warning"),
}

AT_RECORDER = {
    AtRecorder.NONE: Look("quiet", "Nothing to do", "hard-drive"),
    AtRecorder.TO_REMOVE: Look("warn", "To be removed from its NVR", "unplug"),
    AtRecorder.REMOVING: Look("busy", "Being removed"),
    AtRecorder.REMOVED: Look("busy", "Off its NVR", "unplug"),
    AtRecorder.TO_PUT_BACK: Look("busy", "Being put back"),
    AtRecorder.BY_HAND: Look("warn", "To be put back by hand", "hand"),
    AtRecorder.PUT_BACK: Look("ok", "Back on its NVR", "plug"),
    AtRecorder.PUT_BACK_BY_HAND: Look("ok", "Put back by hand", "plug"),
    AtRecorder.TO_TELL: Look("warn", "Its NVR has the old password", "hand"),
    AtRecorder.TELLING: Look("busy", "Its NVR is looked at"),
    AtRecorder.TOLD: Look("ok", "Its NVR has the new password", "plug"),
    AtRecorder.LEFT_OFF: Look("quiet", "Left as it is", "unplug"),
}

# Doors that nobody could try, by why: the others gave no answer.
NOT_TRIED = dict.fromkeys(
    ("no_service", "not_certified", "elsewhere"), Look("quiet", "Not tried", "circle-slash")
)

NOT_REACHED = Look("warn", "Rekey does not reach the device", "unplug")

# What somebody has to do who goes to the device, by what the reset waits for.
AT_DEVICE = {
    AWAITS_RESULT: Look("warn", "Waits for the order's result", "file-check"),
    AWAITS_BUTTON: Look("warn", "Waits for the device's button", "circle-power"),
    AWAITS_HAND: Look("warn", "Waits for a password set by hand", "keyboard"),
    AWAITS_CHALLENGE: Look("warn", "Waits for another challenge", "hard-drive-download"),
}

# By an event's name. One that is not here is told without a colour.
EVENTS = {
    "resets.reset_requested": ("busy", "key-round"),
    "resets.approval_asked": ("warn", "users"),
    "resets.reset_approved": ("ok", "user-check"),
    "resets.reset_declined": ("bad", "user-x"),
    "resets.approval_voided": ("bad", "ban"),
    "resets.notice_mailed": ("quiet", "mail"),
    "resets.notice_refused": ("bad", "mail-x"),
    "resets.glass_broken": ("bad", "hammer"),
    "resets.glass_reviewed": ("ok", "eye"),
    "resets.removal_asked": ("busy", "hard-drive"),
    "resets.camera_found_on_recorder": ("quiet", "hard-drive"),
    "resets.taken_off_recorder": ("ok", "unplug"),
    "resets.recorder_let_in": ("ok", "hard-drive"),
    "resets.stayed_on_recorder": ("quiet", "hard-drive"),
    "resets.recorder_declined": ("warn", "triangle-alert"),
    "resets.recorder_waited_for": ("warn", "hourglass"),
    "resets.put_back_on_recorder": ("ok", "plug"),
    "resets.recorder_told": ("ok", "hard-drive"),
    "resets.put_back_asked": ("busy", "hard-drive"),
    "resets.put_back_by_hand": ("ok", "plug"),
    "resets.left_off_recorder": ("quiet", "unplug"),
    "resets.code_turned_away": ("warn", "triangle-alert"),
    "resets.mailbox_corrected": ("warn", "mailbox"),
    "resets.passwords_handed_over": ("warn", "file-lock"),
    "resets.code_issued": ("busy", "send"),
    "resets.qr_shown": ("busy", "qr-code"),
    "resets.code_handed_over": ("ok", "mail-check"),
    "resets.code_deferred": ("warn", "mail-warning"),
    "resets.code_undeliverable": ("bad", "mail-x"),
    "resets.code_held_up": ("warn", "mail-warning"),
    "resets.code_delivered": ("ok", "mail-check"),
    "resets.code_bounced": ("bad", "mail-x"),
    "resets.code_marked_as_spam": ("bad", "mail-warning"),
    "resets.code_verified": ("ok", "circle-check"),
    "resets.code_rejected": ("warn", "triangle-alert"),
    "resets.password_generated": ("busy", "sparkles"),
    "resets.password_typed": ("busy", "keyboard"),
    "resets.device_waited_for": ("warn", "hourglass"),
    "resets.challenge_taken": ("busy", "message-circle-question-mark"),
    "resets.challenge_brought": ("busy", "message-circle-question-mark"),
    "resets.order_made": ("busy", "file-key"),
    "resets.result_brought": ("busy", "file-check"),
    "resets.restore_awaited": ("warn", "circle-power"),
    "resets.restore_seen": ("busy", "circle-power"),
    "resets.hand_needed": ("warn", "keyboard"),
    "resets.password_set_by_hand": ("busy", "keyboard"),
    "resets.item_ticked": ("ok", "list-checks"),
    "resets.password_applied": ("busy", "hard-drive-download"),
    "resets.reset_proven": ("ok", "shield-check"),
    "resets.reset_unproven": ("bad", "shield-alert"),
    "resets.reset_failed": ("bad", "octagon-x"),
    "resets.reset_disowned": ("bad", "shield-x"),
    "resets.reset_cancelled": ("quiet", "ban"),
    "resets.reset_expired": ("quiet", "timer-off"),
    "resets.campaign_code_issued": ("busy", "send"),
    "resets.campaign_mail_told": ("quiet", "mail"),
    "resets.campaign_code_verified": ("ok", "circle-check"),
    "resets.campaign_code_rejected": ("warn", "triangle-alert"),
    "resets.campaign_code_turned_away": ("warn", "triangle-alert"),
    "resets.campaign_codes_disowned": ("bad", "shield-x"),
    "resets.campaign_planned": ("busy", "list-checks"),
    "resets.campaign_plan_sealed": ("warn", "users"),
    "resets.campaign_is_empty": ("warn", "circle-slash"),
    "resets.campaign_approved": ("ok", "user-check"),
    "resets.campaign_declined": ("bad", "user-x"),
    "resets.campaign_paused": ("warn", "circle-pause"),
    "resets.campaign_resumed": ("busy", "circle-play"),
    "resets.one_password_chosen": ("warn", "key-round"),
    "resets.campaign_pace_set": ("busy", "gauge"),
    "resets.campaign_cancelled": ("bad", "ban"),
    "resets.campaign_over": ("warn", "timer-off"),
    "resets.campaign_reopened": ("busy", "rotate-ccw"),
    "resets.campaign_ended": ("quiet", "flag"),
    "resets.campaign_codes_begun": ("busy", "mail"),
    "resets.item_planned": ("busy", "list-checks"),
    "resets.item_begun": ("busy", "circle-play"),
    "resets.item_parked": ("warn", "hourglass"),
    "resets.item_ended": ("quiet", "flag"),
    "resets.item_left_out": ("quiet", "circle-minus"),
    "resets.item_retried": ("busy", "rotate-ccw"),
    "resets.agreed_in_campaign": ("ok", "user-check"),
}

# The seed's own steps.
STEPS = ("Forget Password", "Send Code", "Enter code", "New password", "Applied and proven")

# What to do when the proof did not come out, by its outcome.
UNPROVEN_ADVICE = {
    "signed": (
        "Rekey keeps the new password as the current one. When the device can be reached, press "
        "Check on its page: Rekey then tries every door, and this reset ends as proven if each "
        "of them goes by the new password. For a day it tries by itself."
    ),
    "new_refused": (
        "Nothing is lost: the device still has the password it had, and Rekey did not keep the "
        "new one as current. Restart the device and begin another reset. If {doors} refuses the "
        "new one again, restore the device to its factory settings."
    ),
    "door_lags": (
        "Rekey keeps the new password: it opens the device, and not {doors}, which goes by the old "
        "one. What uses that door, mostly a recorder, is shut out or still let in by it. Restart "
        "the device, then begin another reset."
    ),
    "nvr_lags": (
        "Rekey keeps the new password: it opens the camera. Its NVR was given it, and says that it "
        "does not open the camera. Look at its channel on the NVR itself and type the new password "
        "there; restart the NVR if it stays so."
    ),
    "old_still_opens": (
        "Both passwords open {doors}, and Rekey keeps the new one. Look on the device for a "
        "second account or an outdated firmware, then begin another reset."
    ),
    "opens_to_anything": (
        "Nobody needs a password at {doors}. Turn on authentication for it on the device, then "
        "begin another reset."
    ),
    "cut": (
        "Rekey keeps what the device has made of it, which opens it. Begin another reset: the next "
        "password is as long as the device keeps."
    ),
    "locked_out": (
        "Rekey keeps the new password: it opens the device. Wait until {doors} opens again, then "
        "begin another reset, or try the login there yourself."
    ),
    "certificate_changed": (
        "Rekey keeps the new password: it opens the device. Accept the certificate of {doors} on "
        "the device's page if it is rightly another one, then begin another reset."
    ),
}
_UNTRIED = (
    "Rekey keeps the new password: it opens the device. See whether {doors} is switched on there, "
    "at the port that the device's page names; then begin another reset, or try the login yourself."
)


def advice(reset: ResetState) -> str:
    """What to do about a reset that is not proven, with the names of the doors."""
    words = UNPROVEN_ADVICE.get(reset.outcome, _UNTRIED)
    return words.format(doors=at_fault(reset.doors, reset.outcome))


# How a reset failed where the factory restore is the way that is left.
RESTORE_LEFT = (
    "factory_fresh",
    "closed",
    "code_refused",
    "last_code_try",
    "not_supported",
    "recovery_key_refused",
    "recovery_refused",
)

_TROUBLES = {
    one.code: one.happened
    for one in vars(errors).values()
    if isinstance(one, type) and issubclass(one, DeviceError)
} | {"recovery_locked": "The device takes no codes for a while: too many were wrong."}


def trouble(code: str) -> str:
    """What is wrong with a device, as a sentence."""
    return _TROUBLES.get(code, "The device cannot be used.")
