"""Devices that are gone before their turn, to another site or off the fleet, are left out at once.

A turn looks again before it begins a device. But a window may open in weeks and a code never come,
and until then a campaign would wait for a site that is closed, and keep the device from others.
"""

from __future__ import annotations

from django.db.models import F, Q, QuerySet

from devices.steps.move_device import DeviceMoved
from devices.steps.remove_device import DeviceRemoved
from fleet.eventstore.handling import Order, handle_all
from fleet.eventstore.messages import Recorded
from fleet.eventstore.subscriptions import reaction
from fleet.eventstore.tables import batches
from resets.campaigns.models import CampaignItem
from resets.campaigns.state import CampaignPhase, Standing
from resets.campaigns.steps.approve_campaign import CampaignApproved
from resets.campaigns.steps.by_schedule import ApprovedBySchedule
from resets.campaigns.steps.items import LeaveOut

BATCH = 500  # devices in one transaction


@reaction(DeviceMoved, DeviceRemoved)
def leave_out_one_that_is_gone(recorded: Recorded) -> None:
    """What nobody has agreed to yet is left as it is: agreement is bound to the exact list."""
    under_way = [phase.value for phase in CampaignPhase if phase.under_way]
    items = CampaignItem.objects.for_jobs().filter(device=recorded.stream)
    _leave_out(items.filter(campaign__phase__in=under_way), recorded)


@reaction(CampaignApproved, ApprovedBySchedule)
def leave_out_all_that_are_gone(recorded: Recorded) -> None:
    """What has gone while the plan waited to be agreed to."""
    _leave_out(CampaignItem.objects.for_jobs().filter(campaign=recorded.stream), recorded)


def _leave_out(items: QuerySet[CampaignItem], recorded: Recorded) -> None:
    waiting = [standing.value for standing in Standing if standing.waits]
    gone = Q(device__removed=True) | ~Q(device__site=F("site"))
    rows = items.filter(gone, standing__in=waiting).order_by("number")
    by = recorded.because("leave out what is gone")
    for some in batches(rows.values_list("pk", "device__removed"), BATCH):
        why = ((pk, "removed" if removed else "elsewhere") for pk, removed in some)
        handle_all([Order(LeaveOut(said), pk) for pk, said in why], by)
