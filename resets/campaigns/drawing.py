"""A plan is drawn up: the devices chosen, looked at, put in order, and sealed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from devices.models import Device
from fleet.accounts.access import acting_again
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.messages import Actor, Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import reaction
from resets.campaigns.forecast import DryRun, Forecast, agreed_facts
from resets.campaigns.models import CampaignItem
from resets.campaigns.selection import selected
from resets.campaigns.settings import rings
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
T = TypeVar("T")


@reaction(CampaignPlanned, urgent=True)
def draw_up_plan(recorded: Recorded) -> None:
    """List what would happen to each device; run twice, it goes on where it was."""
    campaign = state_of(CampaignState, recorded.stream)
    if campaign.phase is not CampaignPhase.DRAWING_UP:
        return
    by = recorded.because("draw up the plan")
    actor = acting_again(recorded.actor) or Actor(recorded.actor.kind, "", "")
    forecasts = list(forecasts_of(actor, campaign))
    for some in batches(orders(campaign, forecasts), BATCH):
        handle_all(some, by)
    handle(seal(campaign), campaign.id, by)


def forecasts_of(actor: Actor, campaign: CampaignState) -> Iterator[Forecast]:
    rows = selected(actor, campaign)[:MOST_DEVICES]
    for some in batches(rows.iterator(BATCH), BATCH):
        yield from DryRun(campaign.kind, some, campaign.id).forecasts()


def orders(campaign: CampaignState, forecasts: Sequence[Forecast]) -> Iterator[Order]:
    """An item for each device, and codes for each of their mailboxes."""
    possible = [one for one in forecasts if not one.impossible]
    ring = rings([(one.device.pk, one.device.model) for one in possible], campaign.settings)
    for number, one in enumerate(forecasts, 1):
        plan = _item(campaign, one, number, ring.get(one.device.pk, 0))
        yield Order(plan, item_id(campaign.id, one.device.pk))
    if campaign.kind is Kind.RESET:
        assert campaign.organisation
        rules = rules_of(campaign.site).codes if campaign.site else CodeRules()
        for mailbox in dict.fromkeys(one.device.reset_email.lower() for one in possible):
            begun = BeginCodes(campaign.id, campaign.organisation, campaign.site, mailbox, rules)
            yield Order(begun, codes_id(campaign.id, mailbox))


def _item(campaign: CampaignState, one: Forecast, number: int, ring: int) -> PlanItem:
    row: Device = one.device
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
        mailbox=row.reset_email.lower() if campaign.kind is Kind.RESET else "",
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


def batches(some: Iterator[T], size: int) -> Iterator[list[T]]:
    batch: list[T] = []
    for one in some:
        batch.append(one)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
