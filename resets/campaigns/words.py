"""What pages call things: the words, tones and icons of a campaign. Tones are `fleet.web`'s."""

from __future__ import annotations

from resets.campaigns.settings import DAYS, Settings, Window
from resets.campaigns.state import WHY_NOT, CampaignPhase, Kind, Selection, Standing
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
    Standing.FAILED: Look("bad", "Failed", "octagon-x"),
    Standing.RUNNING: Look("busy", "In work", "loader-circle"),
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


def window(window: Window) -> str:
    """When devices may be begun: "Sunday, 02:00 to 05:00"."""
    if window.always:
        return "At any time"
    days = sorted(set(window.days))
    named = "Each day" if len(days) == len(DAYS) else ", ".join(DAYS[day] for day in days)
    return f"{named}, {window.opens} to {window.closes}"


def selection(wanted: Selection, nvr: str) -> list[str]:
    """What narrows the devices down, where it is anything. `nvr`: the name of the one NVR."""
    said = []
    if wanted.devices:
        said.append(f"{len(wanted.devices):,} that were ticked")
    if wanted.status:
        said.append(wanted.status.words.lower())
    if wanted.kind:
        said.append(f"{'NVRs' if wanted.kind == 'nvr' else 'cameras'} alone")
    if wanted.model:
        said.append(f"of the model {wanted.model}")
    if wanted.nvr:
        said.append(f"on {nvr}")
    if wanted.older_than is not None:
        said.append(f"with a password older than {wanted.older_than} days")
    if wanted.text:
        said.append(f"with “{wanted.text}”")
    return said


def shared(settings: Settings) -> list[tuple[str, str]]:
    """A line of warning for mails, where one password is for many devices."""
    told = "One for all devices of a site: whoever learns it from one device opens all of them"
    return [("Passwords", told)] if settings.one_password else []


def settings(settings: Settings) -> list[tuple[str, str]]:
    """How a campaign goes about its devices: each setting with its label."""
    canary, wave, share = settings.canary, settings.wave, settings.stop_share
    return [
        (
            "Canary ring",
            f"{canary:,} {'device' if canary == 1 else 'devices'}" if canary else "None",
        ),
        ("Waves", f"Of {_devices(wave)}" if wave else "All others at once"),
        ("At one time, for each site", f"{settings.at_once:,}"),
        ("Pace", f"{settings.pace:,} a minute" if settings.pace else "As fast as it goes"),
        ("Cameras of one NVR", "One at a time" if settings.one_per_nvr else "Any number at a time"),
        (
            "Passwords",
            "One for all devices of a site" if settings.one_password else "Each device its own",
        ),
        ("Stops itself", f"When {share} % have failed" if share else "Never"),
        ("When", window(settings.window)),
    ]


def _devices(count: int) -> str:
    return "1 device" if count == 1 else f"{count:,} devices"
