"""A preview of limits: what they would have refused at a place in the last day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from django.utils import timezone

from fleet.eventstore.messages import Actor
from resets.limits.counting import Happened
from resets.limits.history import happened
from resets.limits.queries import Ground, require_administrator
from resets.limits.replay import Replayed, replay
from resets.limits.rules import Limit, checked

DAY = timedelta(days=1)


def preview(actor: Actor, at: Ground, limits: Iterable[Limit]) -> Replayed:
    """Raises Refused for limits that could not be set, Forbidden below an administrator."""
    require_administrator(actor, at)
    limits, now = checked(limits), timezone.now()
    longest = max((limit.window for limit in limits), default=0)
    past = happened(now - DAY - timedelta(seconds=longest), at.organisation)
    return replay(limits, _seen_from(at, past), now - DAY)


def _seen_from(at: Ground, past: Iterable[Happened]) -> Iterator[Happened]:
    """What happened at other sites of the organisation counts, and is not told of."""
    return (one.seen_from(at.site) for one in past)
