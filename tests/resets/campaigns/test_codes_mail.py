"""The mail with a campaign's code: sent once, about all devices, and known again by its mark."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from anymail.signals import AnymailTrackingEvent
from django.utils import timezone

from fleet.errors import Forbidden, Refused
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow
from fleet.eventstore.subscriptions import Later
from fleet.mail import MailDeferred, MailRefused, SmtpReply
from resets.campaigns import codes_letter
from resets.campaigns import codes_reactions as reactions
from resets.campaigns.steps.codes import (
    DisownCampaignCodes,
    EnterCampaignCode,
    RecordCampaignMail,
    SendCampaignCode,
)
from resets.codes import grouped, spelled
from resets.delivery import marks, sending
from resets.delivery.webhooks import record_news
from resets.limits import history
from resets.limits.counting import key_of
from resets.limits.models import LimitUse
from resets.limits.rules import Counted, Limit, Scope
from resets.limits.state import Refusal, breaker_id
from resets.limits.steps import CloseBreaker, TripBreaker
from resets.rules import rules_id
from resets.state import Delivery
from resets.steps.site_rules import SetLimits
from tests.cast import SETUP, Cast, work
from tests.resets.campaigns import ground
from tests.resets.campaigns.codes_ground import Shared, code_of, issued, row, shared

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture
def campaign(who: Cast) -> Shared:
    return shared(who)


@pytest.fixture
def mails(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    sent: list[Any] = []

    def deliver(letter: Any) -> SmtpReply:
        sent.append(letter)
        return SmtpReply(250, "queued")

    monkeypatch.setattr(sending, "deliver", deliver)
    return sent


class Died(BaseException):
    """The worker is gone."""


def test_it_tells_of_all_devices_who_asked_why_and_how_to_say_no(
    campaign: Shared, mails: list[Any]
) -> None:
    codes = campaign.send()
    reactions.mail_campaign_code(issued(codes))
    [mail] = mails
    html = mail.alternatives[0][0]
    for said in (mail.body, html):
        for words in (
            *("Gate 1", "Gate 2", "Gate 3", "Harbour", "Tess", "Alice", "Ada", "127.0.0.1"),
            *("It is time", "Quarterly", grouped(code_of(codes)), spelled(code_of(codes))),
            *("Was this not you", campaign.token()),
        ):
            assert words in said
        assert "Yard" not in said
    head = mail.message().as_string().split("\n\n")[0] + mail.subject
    for secret in (code_of(codes), grouped(code_of(codes)), campaign.token()):
        assert secret not in head
    assert mail.to == ["keeper@example.com"]
    assert mail.subject == "Verification code for 3 devices"


def test_a_long_list_is_cut_with_a_count(
    who: Cast, mails: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codes_letter, "LISTED", 4)
    long = shared(who, [f"Gate {n:03}" for n in range(11)])
    reactions.mail_campaign_code(issued(long.send()))
    [mail] = mails
    for said in (mail.body, mail.alternatives[0][0]):
        assert said.count("Gate ") == 4
        assert "7 more" in said


def test_a_job_that_died_after_its_mail_mails_the_same_code_under_the_same_id(
    campaign: Shared, mails: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = campaign.send()

    def die(*args: object) -> None:
        raise Died

    with monkeypatch.context() as dying:
        dying.setattr(reactions, "handle", die)
        with pytest.raises(Died):
            reactions.mail_campaign_code(issued(codes))
    reactions.mail_campaign_code(issued(codes))
    reactions.mail_campaign_code(issued(codes))
    one, other = mails
    assert one.body == other.body
    assert one.extra_headers["Message-ID"] == other.extra_headers["Message-ID"]
    assert row(codes).delivery == "handed_over"


@pytest.mark.parametrize("kind", [MailRefused, MailDeferred, SmtpReply])
def test_what_the_mail_server_says_is_kept_without_code_and_mailbox(
    campaign: Shared, monkeypatch: pytest.MonkeyPatch, kind: type
) -> None:
    codes = campaign.send()
    text = f"«{grouped(code_of(codes))}» to keeper@example.com {campaign.token()}"

    def deliver(letter: Any) -> Any:
        if kind is SmtpReply:
            return SmtpReply(250, text)
        raise kind(550, text)

    monkeypatch.setattr(sending, "deliver", deliver)
    with suppress(Later):
        reactions.mail_campaign_code(issued(codes))
    told = {MailRefused: "refused", MailDeferred: "deferred", SmtpReply: "handed_over"}
    assert row(codes).delivery == told[kind]
    assert "«…»" in row(codes).answer
    log = "\n".join(EventRow.everything.filter(stream=codes).values_list("data", flat=True)[1:])
    for secret in (code_of(codes), grouped(code_of(codes)), "keeper@", campaign.token()):
        assert secret not in log


def test_no_mail_goes_out_that_is_of_no_use(who: Cast, campaign: Shared, mails: list[Any]) -> None:
    codes = campaign.send()
    first = issued(codes)
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        campaign.send()
        reactions.mail_campaign_code(first)
    assert mails == [], "another code has taken its place"
    late = campaign.send(campaign.porter)
    with time_machine.travel(timezone.now() + timedelta(minutes=11)):
        reactions.mail_campaign_code(issued(late))
    assert (mails, row(late).delivery) == ([], "refused")
    with time_machine.travel(timezone.now() + timedelta(seconds=62)):
        handle(EnterCampaignCode(code_of(codes, 2)), codes, who.by(who.tess))
    reactions.mail_campaign_code(issued(codes))
    assert mails == [], "it was entered already"


def test_the_mail_service_s_news_find_the_mail(campaign: Shared, mails: list[Any]) -> None:
    codes = campaign.send()
    reactions.mail_campaign_code(issued(codes))
    [mail] = mails
    mark = marks.read(mail.extra_headers["Message-ID"])
    assert mark == marks.Mark(codes, 1, of_campaign=True)
    told = AnymailTrackingEvent(
        event_type="bounced",
        message_id=mail.extra_headers["Message-ID"],
        recipient="keeper@example.com",
        mta_response=f"550 keeper@example.com is gone, {grouped(code_of(codes))}",
    )
    record_news(event=told)
    assert row(codes).delivery == "bounced"
    assert "keeper@" not in row(codes).answer
    assert code_of(codes)[:4] not in row(codes).answer


# --- this was not me ------------------------------------------------------------------------------


def test_not_me_tells_the_administrators_and_the_rest_of_the_campaign_goes_on(
    who: Cast, campaign: Shared, mail_sink: Any
) -> None:
    codes = campaign.send()
    handle(EnterCampaignCode(code_of(codes)), codes, who.by(who.tess))
    handle(DisownCampaignCodes(campaign.token()), codes, SETUP)
    work()
    out = "left_out disowned"
    assert ground.standings(campaign.campaign) == {
        "Gate 1": out, "Gate 2": out, "Gate 3": out, "Yard": "waiting",
    }  # fmt: skip
    told = {to: m for m in mail_sink.mails() for to in m.to if "not me" in m.subject}
    assert set(told) == {"alice@example.com", "ada@example.com", "tess@example.com"}
    for words in ("Quarterly", "k•••r@e•••e.com", "left out", f"/campaigns/{campaign.campaign}/"):
        assert words in told["ada@example.com"].text
    assert campaign.token() not in told["ada@example.com"].text


# --- limits ---------------------------------------------------------------------------------------


def test_codes_and_guesses_count_for_their_mailbox_as_those_of_resets_do(
    who: Cast, campaign: Shared
) -> None:
    codes = campaign.send()
    uses = LimitUse.objects.count()
    for typed in ("00000000", code_of(codes)):
        with pytest.raises(Forbidden):  # nothing of the mailbox is used up by it
            handle(EnterCampaignCode(typed), codes, who.by(who.alice))
        with suppress(Refused):
            handle(EnterCampaignCode(typed), codes, who.by(who.tess))
    assert LimitUse.objects.count() > uses
    assert list(history.differences()) == []
    before = sorted(LimitUse.objects.values_list("key", "at"))
    history.recount()
    assert sorted(LimitUse.objects.values_list("key", "at")) == before


def test_a_limit_of_codes_to_one_mailbox_holds_for_both(who: Cast, campaign: Shared) -> None:
    limits = (
        Limit(Counted.CODES, Scope.MAILBOX, 1, 3600),
        Limit(Counted.GUESSES, Scope.MAILBOX, 50, 86_400),
    )
    handle(SetLimits(who.site, limits), rules_id(who.site), who.by(who.alice))
    codes = campaign.send()
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        with pytest.raises(Refused, match="No more than 1 code for one mailbox"):
            campaign.send()
        campaign.send(campaign.porter)
    handle(RecordCampaignMail(1, Delivery.HANDED_OVER, ""), codes, SETUP)
    assert list(history.differences()) == []


def test_an_alarm_over_the_mailbox_stops_its_codes_until_somebody_has_looked(
    who: Cast, campaign: Shared
) -> None:
    limit = Limit(Counted.GUESSES, Scope.MAILBOX, 20, 3600, trips=True)
    case = Refusal(who.organisation, who.site, limit, "", new_id(), "Gate 1", "Tess")
    key = key_of(None, Scope.MAILBOX, who.organisation, "keeper@example.com")
    alarm = breaker_id(who.site, key)
    handle(TripBreaker(Scope.MAILBOX, case, 0), alarm, SETUP)
    with pytest.raises(Refused, match="The alarm went off"):
        campaign.send()
    campaign.send(campaign.porter)
    handle(CloseBreaker("It was a test"), alarm, who.by(who.alice))
    campaign.send()


def test_a_campaign_over_several_sites_goes_by_the_usual_limits(who: Cast) -> None:
    wide = shared(who, place_id=who.organisation)
    codes: UUID = wide.keeper
    alice = who.by(who.alice)
    handle(SendCampaignCode(), codes, alice)
    handle(EnterCampaignCode(code_of(codes)), codes, alice)
    assert row(codes).verified
    assert list(history.differences()) == []
