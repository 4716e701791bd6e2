"""What the limits leave for a device, before a button is pressed."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from devices import queries as devices
from fleet.accounts.access import human
from fleet.eventstore.messages import By
from resets.limits.counting import About
from resets.limits.rules import Counted, Left
from resets.limits.supplies import left_for


def of_device(by: By, device_id: UUID) -> tuple[Left, ...]:
    """For whoever asks, from where they ask; what is nearest to its end first. Raises NotFound."""
    row = devices.device(by.actor, device_id)
    assert row.organisation and row.site
    about = About(
        row.organisation,
        row.site,
        row.pk,
        row.reset_email,
        human(by.actor).id,
        by.source,
        row.nvr_id,
    )
    lefts = left_for(about, timezone.now())
    return tuple(sorted(lefts, key=lambda left: (left.left, left.limit.most)))


def near_the_edge(by: By, device_id: UUID, counted: Counted) -> tuple[Left, ...]:
    """The few of a kind that have the least left, as a page shows them."""
    return tuple(one for one in of_device(by, device_id) if one.limit.counted is counted)[:2]
