"""What happens out there with a campaign's codes: the mail, and what follows from "not me"."""

from __future__ import annotations

from django.urls import reverse
from django.utils import timezone

from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from fleet.eventstore.subscriptions import later, reaction
from fleet.mail import MailDeferred, MailRefused, SmtpReply, deliver
from fleet.web.templatetags.times import in_zone
from resets.campaigns.codes_letter import campaign_code_letter, code_of
from resets.campaigns.codes_queries import not_begun, zone_of
from resets.campaigns.state import CampaignState, CodesState
from resets.campaigns.steps.codes import CampaignCodeIssued, CodesDisowned, RecordCampaignMail
from resets.campaigns.steps.items import LeaveOut
from resets.delivery.answers import told
from resets.notices import readers
from resets.notices.cases import Case
from resets.notices.reactions import tell
from resets.state import Delivery

BATCH = 500  # devices in one transaction


@reaction(CampaignCodeIssued, urgent=True)
def mail_campaign_code(recorded: Recorded) -> None:
    """Mail the code. Run twice, it mails the same code under the same Message-ID."""
    issued, codes = recorded.event, state_of(CodesState, recorded.stream)
    assert isinstance(issued, CampaignCodeIssued)
    if codes.sends != issued.send or not codes.code_is_live:
        return  # a newer code has replaced it, or it is not needed any more
    if codes.delivery not in (Delivery.QUEUED, Delivery.DEFERRED):
        return  # an earlier run died after it had recorded this, or the mail service was quicker
    by = recorded.because("mail the code")
    if timezone.now() >= issued.expires_at:
        why = "no mail server took it before the code expired"
        handle(RecordCampaignMail(issued.send, Delivery.REFUSED, why), codes.id, by)
        return

    def record(delivery: Delivery, said: SmtpReply | MailDeferred | MailRefused) -> None:
        answer = told(said.code, said.text, [codes.mailbox], code_of(codes))
        handle(RecordCampaignMail(issued.send, delivery, answer), codes.id, by)

    try:
        reply = deliver(campaign_code_letter(codes, recorded))
    except MailDeferred as error:
        record(Delivery.DEFERRED, error)
        raise later(recorded, "the mail server did not take it yet", longest=60) from error
    except MailRefused as error:
        record(Delivery.REFUSED, error)
    else:
        record(Delivery.HANDED_OVER, reply)


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
    those = readers.each_once(
        [
            *readers.administrators(*place),
            *readers.person(campaign.planner_id, *place),
            *readers.person(codes.owner, *place),
        ]
    )
    tell((reader, case) for reader in those)
