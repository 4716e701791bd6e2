"""Times for people: absolute in the site's zone, and how long ago.

`{{ at|in_zone:zone }}`   22 Nov 2026, 15:26 CET          text, fit for an attribute
`{{ at|ago }}`            <time …>5 min ago</time>
`{{ at|countdown }}`      43 s                             text; also takes a number of seconds
`{% moment at zone %}`    both of the first two in one <time>
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

from django import template
from django.utils import timezone
from django.utils.dateformat import format as format_date
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()

MINUTE, HOUR, DAY = 60, 3600, 86_400
# The first row whose limit is above the distance in seconds names the unit to count in.
_UNITS = (
    (MINUTE, 1, "s", "s"),
    (HOUR, MINUTE, "min", "min"),
    (DAY, HOUR, "h", "h"),
    (30 * DAY, DAY, "day", "days"),
    (365 * DAY, 30 * DAY, "month", "months"),
)


@register.filter
def in_zone(at: datetime | None, zone: str | tzinfo | None = None) -> str:
    """ "22 Nov 2026, 15:26 CET"; in UTC when no zone is given, "" for no time at all."""
    return _absolute(at, zone, "j M Y, H:i") if at else ""


@register.filter
def in_zone_to_the_second(at: datetime | None, zone: str | tzinfo | None = None) -> str:
    """ "22 Nov 2026, 15:26:09 CET": for the trail, where order within a minute matters."""
    return _absolute(at, zone, "j M Y, H:i:s") if at else ""


@register.filter
def clock_in_zone(at: datetime | None, zone: str | tzinfo | None = None) -> str:
    """ "15:26:09": where the day is said nearby."""
    return format_date(at.astimezone(_zone(zone)), "H:i:s") if at else ""


@register.filter
def ago(at: datetime | None) -> SafeString:
    """ "5 min ago" or "in 3 h", as a <time> that carries the exact moment."""
    if not at:
        return SafeString("")
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', _machine(at), in_zone(at), distance(at)
    )


@register.filter
def ago_text(at: datetime | None) -> str:
    """ "5 min ago" without the <time> around it, for where one is written already."""
    return distance(at) if at else ""


@register.filter
def countdown(until: datetime | timedelta | float | None) -> str:
    """ "43 s", "2 min 5 s", "1 h 3 min"; "now" when it is over. Live parts keep it moving."""
    if until is None:
        return ""
    if isinstance(until, datetime):
        until = until - timezone.now()
    seconds = until.total_seconds() if isinstance(until, timedelta) else until
    left = -int(-seconds // 1)  # rounded up: "0 s" must not be shown while it is still refused
    if left <= 0:
        return "now"
    if left < MINUTE:
        return f"{left} s"
    if left < HOUR:
        return _two(left // MINUTE, "min", left % MINUTE, "s")
    return _two(left // HOUR, "h", left % HOUR // MINUTE, "min")


@register.simple_tag
def moment(at: datetime | None, zone: str | tzinfo | None = None) -> SafeString:
    """Absolute and relative in one <time>: "22 Nov 2026, 15:26 CET (5 min ago)"."""
    if not at:
        return SafeString("")
    return format_html(
        '<time datetime="{}">{} <span class="soft">({})</span></time>',
        _machine(at),
        in_zone(at, zone),
        distance(at),
    )


def distance(at: datetime, now: datetime | None = None) -> str:
    """How far away a moment is, in its largest whole unit."""
    seconds = ((now or timezone.now()) - at).total_seconds()
    far = abs(int(seconds))
    if far < 1:
        return "just now"
    for limit, size, one, many in (*_UNITS, (None, 365 * DAY, "year", "years")):
        if limit is None or far < limit:
            count = far // size
            text = f"{count} {one if count == 1 else many}"
            break
    return f"{text} ago" if seconds > 0 else f"in {text}"


def day_in_zone(at: datetime, zone: str | tzinfo | None = None) -> str:
    """ "Today, 22 November 2026" by the zone's calendar."""
    there = _zone(zone)
    day, today = at.astimezone(there).date(), timezone.now().astimezone(there).date()
    name = {0: "Today", 1: "Yesterday"}.get((today - day).days, format_date(day, "l"))
    return f"{name}, {format_date(day, 'j F Y')}"


def _two(big: int, big_unit: str, small: int, small_unit: str) -> str:
    return f"{big} {big_unit} {small} {small_unit}" if small else f"{big} {big_unit}"


def _machine(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _zone(zone: str | tzinfo | None) -> tzinfo:
    if not zone:
        return UTC
    return ZoneInfo(zone) if isinstance(zone, str) else zone


def _absolute(at: datetime, zone: str | tzinfo | None, pattern: str) -> str:
    there = at.astimezone(_zone(zone))
    name = there.tzname() or ""
    # Zones without a name of their own are called "+03": say what that is.
    return f"{format_date(there, pattern)} {'UTC' + name if name[:1] in '+-' else name}".rstrip()
