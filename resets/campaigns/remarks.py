"""What is left to a person once a device of a campaign has its new password: no hindrance, and
better known before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any
from uuid import UUID

from django.db.models import Count

from fleet.eventstore.messages import Actor
from resets.campaigns import queries
from resets.campaigns.models import CampaignItem
from resets.campaigns.state import Standing
from resets.recorder.duty import by_hand

NVR_BY_HAND = "nvr_by_hand"
BY_HAND = "Its NVR has to be told the new password by hand"
_TO_COME = [standing.value for standing in Standing if standing.open]


class Remarks:
    """On the devices of one campaign, as far as they are still to get a password. `nvrs`: those of
    the devices.

    An NVR that Rekey cannot get into, and that gets a new password in the same campaign, has it
    before its cameras have theirs, and is told of them.
    """

    def __init__(self, campaign: UUID, nvrs: Iterable[UUID | None]) -> None:
        found = by_hand({nvr for nvr in nvrs if nvr})
        shut = [nvr for nvr, why in found.items() if why == "not_certified"]
        self._by_hand = found.keys() - _gets_one(campaign, shut)

    def of(self, nvr: UUID | None, standing: str) -> str:
        """NVR_BY_HAND, or "" where nothing is left."""
        return NVR_BY_HAND if nvr in self._by_hand and standing in _TO_COME else ""

    def words(self, nvr: UUID | None, standing: str) -> str:
        """The same for people, without a full stop."""
        told = self.of(nvr, standing)
        return BY_HAND if told else ""


def _gets_one(campaign: UUID, devices: Collection[UUID]) -> set[UUID]:
    rows = CampaignItem.objects.for_jobs().filter(campaign=campaign, device__in=devices, open=True)
    return set(rows.values_list("device", flat=True))


def left_by_hand(actor: Actor, campaign: UUID) -> int:
    """How many devices are left with something to do by hand, of those that may be seen."""
    rows = queries.items(actor, campaign).filter(nvr__isnull=False, standing__in=_TO_COME)
    cameras: dict[Any, int] = dict(rows.order_by().values_list("nvr").annotate(n=Count("pk")))
    remarks = Remarks(campaign, cameras)
    return sum(n for nvr, n in cameras.items() if remarks.of(nvr, Standing.WAITING.value))
