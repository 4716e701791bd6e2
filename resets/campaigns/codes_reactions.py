"""What happens out there with a campaign's codes: the mail, and what follows from "not me"."""

from __future__ import annotations

from django.urls import reverse
from django.utils import timezone

from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import reaction
from fleet.web.templatetags.times import in_zone
from resets.campaigns.codes_letter import campaign_code_letter, code_of
from resets.campaigns.codes_queries import not_begun, zone_of
from resets.campaigns.state import CampaignState, CodesState
from resets.campaigns.steps.codes import CampaignCodeIssued, CodesDisowned, RecordCampaignMail
from resets.campaigns.steps.items import LeaveOut
from resets.delivery.sending import TOO_LATE, is_owed, send
from resets.notices import readers
from resets.notices.cases import Case
from resets.notices.reactions import tell_each
from resets.state import Delivery

BATCH = 500  # devices in one transaction


@reaction(CampaignCodeIssued, urgent=True)
def mail_campaign_code(recorded: Recorded) -> None:
    """Mail the code. Run twice, it mails the same code under the same Message-ID."""
    issued, codes = recorded.event, state_of(CodesState, recorded.stream)
    assert isinstance(issued, CampaignCodeIssued)
    if codes.sends != issued.send or not codes.code_is_live:
        return  # a newer code has replaced it, or it is not needed any more
    if not is_owed(codes.delivery):
        return

    def record(delivery: Delivery, answer: str) -> None:
        by = recorded.because("mail the code")
        handle(RecordCampaignMail(issued.send, delivery, answer), codes.id, by)

    if timezone.now() >= issued.expires_at:
        record(Delivery.REFUSED, TOO_LATE)
    else:
        send(campaign_code_letter(codes, recorded), recorded, record, code=code_of(codes))


@reaction(CodesDisowned, urgent=True)
def leave_out_disowned(recorded: Recorded) -> None:
    """The devices of the mailbox that were not begun. (No turn begins one of them meanwhile: the
    code does not count any more.)
    """
    codes, by = state_of(CodesState, recorded.stream), recorded.because("leave out its devices")
    assert codes.campaign
    waiting = not_begun(codes.campaign, codes.mailbox).order_by("number")
    while some := list(waiting.values_list("pk", flat=True)[:BATCH]):
        handle_all([Order(LeaveOut("disowned"), item) for item in some], by)


@reaction(CodesDisowned, urgent=True)
def tell_of_disowned_codes(recorded: Recorded) -> None:
    """The administrators, and whoever has planned the campaign or asked for the code."""
    codes = state_of(CodesState, recorded.stream)
    assert codes.campaign and codes.organisation
    campaign = state_of(CampaignState, codes.campaign)
    event, zone = recorded.event, zone_of(campaign)
    assert isinstance(event, CodesDisowned)
    lines = [
        ("Campaign", campaign.name),
        ("Planned by", campaign.planner),
        ("Reason given", campaign.reason),
        ("Mailbox", event.mailbox),
        ("When", in_zone(recorded.at, zone)),
    ]
    if recorded.source:
        lines.insert(-1, ("Said from", recorded.source))
    case = Case(
        recorded,
        codes.organisation,
        codes.site,
        "“This was not me”: a campaign",
        "Somebody who reads the Reset Password Email of devices in a campaign says that nobody of "
        "theirs is resetting them. The devices of this mailbox that were not begun are left out.",
        tuple(lines),
        reverse("campaign-codes", args=[campaign.id]),
    )
    place = (codes.organisation, codes.site)
    persons = (readers.person(one, *place) for one in (campaign.planner_id, codes.owner))
    tell_each(case, readers.administrators(*place), *persons)
