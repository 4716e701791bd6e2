"""A plan is drawn up: the devices chosen, looked at, put in order, and sealed.

They are looked at twice: once to put them in order, of which little is kept, and once more, some
hundred at a time, as they are written down. How far it has come is how many are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import msgspec

from devices.mailbox import spelled
from devices.models import Device
from fleet.accounts.access import acting_again
from fleet.errors import Conflict
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.messages import Actor, By, Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import Later, reaction
from fleet.eventstore.tables import batches
from resets.campaigns.forecast import DryRun, Forecast, agreed_facts
from resets.campaigns.models import CampaignItem
from resets.campaigns.selection import selected
from resets.campaigns.settings import InLine, rings
from resets.campaigns.state import (
    CampaignPhase,
    CampaignState,
    Kind,
    Standing,
    codes_id,
    item_id,
)
from resets.campaigns.steps.codes import BeginCodes
from resets.campaigns.steps.items import PlanItem
from resets.campaigns.steps.plan_campaign import MOST_DEVICES, CampaignPlanned
from resets.campaigns.steps.seal_plan import SealPlan
from resets.rules import CodeRules
from resets.supplies import rules_of

BATCH = 500
TRIES = 5  # of a batch, while other campaigns take the same devices


@reaction(CampaignPlanned, urgent=True)
def draw_up_plan(recorded: Recorded) -> None:
    """List what would happen to each device; run twice, it goes on where it was."""
    campaign = state_of(CampaignState, recorded.stream)
    if campaign.phase is not CampaignPhase.DRAWING_UP:
        return
    by = recorded.because("draw up the plan")
    actor = acting_again(recorded.actor) or Actor(recorded.actor.kind, "", "")
    for some in batches(in_order(actor, campaign), BATCH):
        _write_down(campaign, some, by)
    for needed in batches(codes(campaign), BATCH):
        handle_all(needed, by)
    handle(seal(campaign), campaign.id, by)


def in_order(actor: Actor, campaign: CampaignState) -> list[tuple[UUID, int, int]]:
    """Each device with its number and its ring; one that nothing can be done for has none."""
    ids: list[UUID] = []
    line: list[InLine] = []
    for one in forecasts_of(actor, campaign):
        row = one.device
        ids.append(row.pk)
        if not one.impossible:
            line.append(InLine(row.pk, row.model, row.nvr_id, ready=not one.why))
    ring = rings(line, campaign.settings)
    last = max(ring.values(), default=0)
    return [(pk, number, ring.get(pk, last)) for number, pk in enumerate(ids, 1)]


def forecasts_of(actor: Actor, campaign: CampaignState) -> Iterator[Forecast]:
    rows = selected(actor, campaign)[:MOST_DEVICES]
    for some in batches(rows.iterator(BATCH), BATCH):
        yield from DryRun(campaign.kind, some, campaign.id).forecasts()


def _write_down(campaign: CampaignState, some: Sequence[tuple[UUID, int, int]], by: By) -> None:
    """Raises Later while others keep taking these devices into campaigns of their own."""
    for _ in range(TRIES):
        try:
            handle_all(lambda: orders(campaign, some), by)
        except Conflict as error:
            if error.code != "in_campaign_already":
                raise
        else:
            return
    raise Later(1.0, "in_campaign_already")


def orders(campaign: CampaignState, some: Sequence[tuple[UUID, int, int]]) -> list[Order]:
    """An item for each of some devices, as they are by now."""
    rows = Device.objects.for_jobs().in_bulk([pk for pk, _, _ in some])
    places = {pk: (number, ring) for pk, number, ring in some}
    forecasts = DryRun(campaign.kind, list(rows.values()), campaign.id).forecasts()
    plans = {one.device.pk: _item(campaign, one, *places[one.device.pk]) for one in forecasts}
    return [Order(plans[pk], item_id(campaign.id, pk)) for pk in places]


def codes(campaign: CampaignState) -> Iterator[Order]:
    """For each mailbox that a code is needed from."""
    if campaign.kind is not Kind.RESET:
        return
    assert campaign.organisation
    rules = rules_of(campaign.site).codes if campaign.site else CodeRules()
    items = CampaignItem.objects.for_jobs().filter(campaign=campaign.id, standing=Standing.WAITING)
    for mailbox in items.order_by("mailbox").values_list("mailbox", flat=True).distinct():
        begun = BeginCodes(campaign.id, campaign.organisation, campaign.site, mailbox, rules)
        yield Order(begun, codes_id(campaign.id, mailbox))


def _item(campaign: CampaignState, one: Forecast, number: int, ring: int) -> PlanItem:
    row = one.device
    assert row.organisation and row.site
    return PlanItem(
        campaign=campaign.id,
        organisation=row.organisation,
        site=row.site,
        kind=campaign.kind,
        number=number,
        ring=ring,
        device=row.pk,
        device_name=row.name,
        model=row.model,
        nvr=row.nvr_id,
        username=row.username,
        method=one.method,
        mailbox=spelled(row.reset_email) if campaign.kind is Kind.RESET else "",
        facts=agreed_facts(row, one.method, campaign.reason),
        forecast=one.why,
        impossible=one.impossible,
    )


def seal(campaign: CampaignState) -> SealPlan:
    """The seal of the list as it stands: over each device, what is done to it and in which order,
    and over the settings.
    """
    items = CampaignItem.objects.for_jobs().filter(campaign=campaign.id).order_by("number", "id")
    digest, chosen, planned = hashlib.sha256(settings_sealed(campaign)), 0, 0
    columns = ("device", "ring", "standing", "facts")
    for device, ring, standing, facts in items.values_list(*columns).iterator():
        digest.update(f"\n{device} {ring} {standing} {facts}".encode())
        chosen += 1
        planned += standing == Standing.WAITING
    return SealPlan(chosen, planned, digest.hexdigest())


def settings_sealed(campaign: CampaignState) -> bytes:
    kept: list[Any] = [campaign.kind, campaign.reason, campaign.settings, campaign.ends_at]
    return msgspec.json.encode(kept)
