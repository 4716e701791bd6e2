"""What pages and mails call things of a schedule."""

from __future__ import annotations

from devices.queries import place_for_jobs
from devices.state import Kind as DeviceKind
from fleet.accounts.queries import organisation_name
from resets.campaigns.settings import DAYS, Settings, Window
from resets.campaigns.state import Selection
from resets.schedules.state import SchedulePhase, ScheduleState
from resets.schedules.timing import Every, Timing
from resets.words import Look

PHASES = {
    SchedulePhase.AWAITING_APPROVAL: Look("warn", "Waits for a second person", "users"),
    SchedulePhase.ACTIVE: Look("ok", "Active", "calendar-check"),
    SchedulePhase.PAUSED: Look("warn", "Paused", "circle-pause"),
    SchedulePhase.ENDED: Look("quiet", "Ended", "flag"),
}
EVENTS = {
    "resets.schedule_made": ("busy", "calendar-plus"),
    "resets.schedule_changed": ("warn", "calendar-cog"),
    "resets.schedule_approved": ("ok", "user-check"),
    "resets.schedule_paused": ("warn", "circle-pause"),
    "resets.schedule_resumed": ("ok", "circle-play"),
    "resets.schedule_ended": ("quiet", "flag"),
    "resets.schedule_ended_with_site": ("quiet", "ban"),
    "resets.schedule_run_told": ("quiet", "mail"),
    "resets.schedule_ran": ("busy", "calendar-clock"),
    "resets.schedule_run_skipped": ("warn", "calendar-x"),
    "resets.campaign_approved_by_schedule": ("ok", "user-check"),
    "resets.campaign_not_approved_by_schedule": ("warn", "users"),
}


def timing(told: Timing) -> str:
    """ "Every 3 months from 1 Jan 2027"."""
    first = f"{told.first.day} {told.first:%b %Y}"
    if told.by_age:
        return f"Whenever passwords are older than {told.number:,} days, from {first}"
    one = "month" if told.every is Every.MONTHS else "week"
    often = f"Every {one}" if told.number == 1 else f"Every {told.number} {one}s"
    return f"{often} from {first}"


def window(told: Window) -> str:
    """ "Saturday and Sunday, 02:00–05:00"."""
    if told.always:
        return "At any time"
    *most, last = [DAYS[day] for day in sorted(set(told.days))]
    days = f"{', '.join(most)} and {last}" if most else last
    return f"{days}, {told.opens}–{told.closes}"


def lasting(hours: int) -> str:
    """ "7 days", or "36 hours" where it is not whole days."""
    if hours % 24 or hours < 48:
        return "1 hour" if hours == 1 else f"{hours} hours"
    return f"{hours // 24} days"


def place_of(schedule: ScheduleState) -> str:
    """For whoever may see the schedule."""
    if schedule.site:
        return str(place_for_jobs(schedule.site).name)
    assert schedule.organisation
    return f"All sites of {organisation_name(schedule.organisation)}"


def selection(chosen: Selection, nvr: str) -> str:
    """ "All devices", or what narrows them down."""
    told = []
    if chosen.devices:
        told.append(f"{len(chosen.devices):,} that were chosen")
    if chosen.kind:
        told.append("NVRs" if chosen.kind is DeviceKind.NVR else "cameras")
    if chosen.nvr:
        told.append(f"of the NVR {nvr}" if nvr else "of one NVR")
    if chosen.model:
        told.append(f"of the model {chosen.model}")
    if chosen.status:
        told.append(f"that are: {chosen.status.words.lower()}")
    if chosen.older_than is not None:
        told.append(f"whose password is older than {chosen.older_than:,} days")
    if chosen.text:
        told.append(f"with “{chosen.text}”")
    return f"Devices: {', '.join(told)}" if told else "All devices"


def how(settings: Settings) -> str:
    pace = f"{settings.pace:,} devices a minute" if settings.pace else "as fast as it goes"
    canary = f"{settings.canary} first" if settings.canary else "no canary ring"
    waves = f"waves of {settings.wave:,}" if settings.wave else "all others together"
    stop = f"stops at {settings.stop_share} % failed" if settings.stop_share else "never stops"
    one = ", one camera of an NVR at a time" if settings.one_per_nvr else ""
    at_once = f"{settings.at_once} at one time for each site"
    shared = "; one password for all devices of a site" if settings.one_password else ""
    return f"{canary.capitalize()}, then {waves}; {pace}, {at_once}{one}; {stop}{shared}"
