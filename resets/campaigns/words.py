"""What pages call things: the words, tones and icons of a campaign. Tones are `fleet.web`'s."""

from __future__ import annotations

from resets.campaigns.state import WHY_NOT, CampaignPhase, Kind, Standing
from resets.steps.prove_password import WORDS as UNPROVEN
from resets.words import Look, trouble

KINDS = {
    Kind.RESET: Look("quiet", "Reset", "key-round"),
    Kind.ROTATION: Look("quiet", "Rotation", "rotate-cw"),
}

PHASES = {
    CampaignPhase.DRAWING_UP: Look("busy", "Being drawn up"),
    CampaignPhase.AWAITING_APPROVAL: Look("warn", "Waits for a second person", "users"),
    CampaignPhase.RUNNING: Look("busy", "Under way"),
    CampaignPhase.PAUSED: Look("warn", "Paused", "circle-pause"),
    CampaignPhase.ENDING: Look("busy", "Coming to its end"),
    CampaignPhase.ENDED: Look("quiet", "Ended", "flag"),
}

STANDINGS = {
    Standing.PROVEN: Look("ok", "Proven", "shield-check"),
    Standing.UNPROVEN: Look("bad", "Unproven", "shield-alert"),
    Standing.FAILED: Look("bad", "Failed"),
    Standing.RUNNING: Look("busy", "In work"),
    Standing.PARKED: Look("warn", "Parked", "hourglass"),
    Standing.WAITING: Look("quiet", "Waiting", "clock"),
    Standing.LEFT_OUT: Look("quiet", "Left out", "circle-minus"),
}
"""In the order in which pages show them: from the best end to what never began."""


_ENDED = {
    "cancelled": "Its reset was cancelled",
    "declined": "Its reset was declined",
    "disowned": "Whoever reads its mailbox says that it was not them",
    "expired": "Its reset took too long",
}


def why(standing: str, code: str) -> str:
    """Why a device stands where it does, without a full stop; "" where there is nothing to say."""
    if code in ("", "proven"):
        return ""
    if standing == Standing.UNPROVEN and code in UNPROVEN:
        words = UNPROVEN[code].partition(":")[0].format(doors="one of its doors")
        return words[0].upper() + words[1:]
    return WHY_NOT.get(code) or _ENDED.get(code) or trouble(code).rstrip(".")
