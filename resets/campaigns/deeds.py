"""What people do with devices of a campaign: each one domain call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from fleet.accounts.access import require
from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.messages import By, Command
from resets.campaigns import queries
from resets.campaigns.state import ItemState, Standing
from resets.campaigns.steps.items import CampaignNow, RetryItem
from resets.campaigns.steps.reopen_campaign import ReopenCampaign
from resets.campaigns.supplies import campaign_held

BATCH = 500  # in one transaction
FAILED = [standing.value for standing in Standing if standing.failed]


def do(command: Command[ItemState], campaign: UUID, item: UUID, by: By) -> None:
    """Carry out one of `queries.item_steps()` on a device of the campaign. Raises RekeyError."""
    queries.item(by.actor, campaign, item)
    if isinstance(command, RetryItem):
        retry(campaign, [item], by)
    else:
        handle(command, item, by)


def retry_failed(campaign: UUID, by: By) -> int:
    """Try all devices once more that failed, of those that whoever asks may see; a campaign that
    has finished goes on for them. Answers with how many they are.

    Raises RekeyError: `nothing_failed`, or as `RetryItem` and `ReopenCampaign` say.
    """
    rows = queries.items(by.actor, campaign).filter(standing__in=FAILED)
    failed = list(rows.values_list("pk", flat=True))
    if not failed:
        at = queries.items(by.actor, campaign).first() or queries.campaign(by.actor, campaign)
        require(by.actor, Role(RetryItem.by), at.organisation, at.site, "campaign")
        raise Refused("nothing_failed", "No device of this campaign has failed.")
    return sum(
        retry(campaign, failed[start : start + BATCH], by) for start in range(0, len(failed), BATCH)
    )


def retry(campaign: UUID, items: Sequence[UUID], by: By) -> int:
    """Try some devices once more, all or none. Raises RekeyError."""

    def orders() -> list[Order]:
        state = campaign_held(campaign)
        reopen = [Order(ReopenCampaign(), campaign)] if ReopenCampaign.helps(state) else []
        now = CampaignNow(goes_on=True) if reopen else CampaignNow.of(state)
        again = replace(RetryItem(), campaign=now)
        return [*reopen, *(Order(again, item, looked_up=True) for item in items)]

    handle_all(orders, by)
    return len(items)
