"""The contents page of a campaign: its steps, in the order in which people meet them."""

from fleet.eventstore.messages import contents

contents(
    __name__,
    "plan_campaign",
    "seal_plan",
    "approve_campaign",
    "by_schedule",
    "codes",
    "control",
    "items",
    "end_campaign",
    "reopen_campaign",
)
