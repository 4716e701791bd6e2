"""The events that the tests of a campaign's steps begin with."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from fleet.accounts.state import Human
from fleet.eventstore.testing import NOW
from resets.campaigns.settings import Settings
from resets.campaigns.state import Kind, Selection, Standing
from resets.campaigns.steps.approve_campaign import CampaignApproved
from resets.campaigns.steps.control import CampaignCancelled, CampaignPaused
from resets.campaigns.steps.end_campaign import CampaignEnded
from resets.campaigns.steps.items import ItemBegun, ItemEnded, ItemParked, ItemPlanned
from resets.campaigns.steps.plan_campaign import CampaignPlanned
from resets.campaigns.steps.seal_plan import CampaignIsEmpty, PlanSealed

ORGANISATION, SITE, DEVICE, CAMPAIGN, RESET = (UUID(int=n) for n in range(1, 6))
ALICE = Human(str(UUID(int=8)), "Alice")
ADA = Human(str(UUID(int=9)), "Ada")
ENDS = NOW + timedelta(days=14)
DIGEST = "d" * 64

PLANNED = CampaignPlanned(
    organisation=ORGANISATION,
    site=SITE,
    kind=Kind.RESET,
    name="After the break-in",
    reason="Nobody knows who has them",
    selection=Selection(),
    settings=Settings(),
    ends_at=ENDS,
    planner=ALICE.name,
    planner_id=ALICE.id,
    schedule=None,
)
SEALED = PlanSealed(3, 2, DIGEST)
APPROVED = CampaignApproved(ADA.name, ADA.id, NOW)

DRAWING_UP = (PLANNED,)
EMPTY = (PLANNED, CampaignIsEmpty(3, NOW))
AWAITING = (PLANNED, SEALED)
RUNNING = (*AWAITING, APPROVED)
PAUSED = (*RUNNING, CampaignPaused("by_person"))
STOPPED = (*RUNNING, CampaignPaused("failures"))
ORPHANED = (*RUNNING, CampaignPaused("approver_gone"))
CANCELLED = (*RUNNING, CampaignCancelled())
FINISHED = (*RUNNING, CampaignEnded("finished", 1, 1, 1, NOW))
WAS_CANCELLED = (*CANCELLED, CampaignEnded("cancelled", 1, 1, 1, NOW))
EVERY_PHASE = (
    DRAWING_UP, EMPTY, AWAITING, RUNNING, PAUSED, STOPPED, ORPHANED, CANCELLED, FINISHED,
    WAS_CANCELLED,
)  # fmt: skip

ITEM = ItemPlanned(
    campaign=CAMPAIGN,
    organisation=ORGANISATION,
    site=SITE,
    kind=Kind.RESET,
    number=1,
    ring=0,
    device=DEVICE,
    device_name="Gate north",
    model="C540",
    nvr=None,
    username="admin",
    method=None,
    mailbox="owner@example.com",
    facts="",
    forecast="",
    impossible=False,
)
BEGUN = ItemBegun(RESET, 1, NOW)
WAITING = (ITEM,)
IN_WORK = (ITEM, BEGUN)
PARKED = (ITEM, BEGUN, ItemParked("unreachable"))
PROVEN = (*IN_WORK, ItemEnded(Standing.PROVEN, "proven", NOW))
FAILED = (*IN_WORK, ItemEnded(Standing.FAILED, "refused", NOW))
UNPROVEN = (*IN_WORK, ItemEnded(Standing.UNPROVEN, "new_refused", NOW))
