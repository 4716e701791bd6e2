"""One code for the devices of a mailbox: what is decided, without a database."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest

from fleet.errors import Forbidden
from fleet.eventstore.testing import NOW, STREAM, Given, given
from resets.campaigns.state import CampaignPhase, CodesState
from resets.campaigns.steps.codes import (
    BeginCodes,
    CampaignCodeIssued,
    CampaignCodeRejected,
    CampaignCodeTurnedAway,
    CampaignCodeVerified,
    CampaignMailTold,
    CodesBegun,
    CodesDisowned,
    DisownCampaignCodes,
    EnterCampaignCode,
    Need,
    RecordCampaignMail,
    SendCampaignCode,
)
from resets.phone.tokens import Kind
from resets.rules import CodeRules
from resets.state import Delivery
from tests.resets.steps.story import (
    ALICE_HERSELF,
    KEY,
    ORGANISATION,
    PHONE_KEY,
    SITE,
    SPENT,
    TESS,
    TESS_HERSELF,
    code,
    wrong,
)

CAMPAIGN = UUID(int=77)
MAILBOX, SHOWN = "owner@example.com", "o•••r@e•••e.com"
BEGUN = CodesBegun(CAMPAIGN, ORGANISATION, SITE, MAILBOX, CodeRules())
ENDS = NOW + timedelta(days=30)
NEEDED = Need(CampaignPhase.RUNNING, ENDS, 3)


def issued(send: int = 1, after: float = 0) -> CampaignCodeIssued:
    at = NOW + timedelta(seconds=after)
    return CampaignCodeIssued(send, SHOWN, 5, at, at + timedelta(minutes=10), "Tess", TESS.id)


def knowing(*events: object, need: Need = NEEDED, after: float = 60) -> Given:
    known = given(BEGUN, *events).knowing(need, KEY, TESS, TESS_HERSELF, PHONE_KEY)  # type: ignore[arg-type]
    return known.at(NOW + timedelta(seconds=after))


SENT = (issued(),)
VERIFIED = CampaignCodeVerified(SHOWN)
DISOWNED = CodesDisowned(SHOWN)
BURNED = tuple(CampaignCodeRejected(n) for n in (4, 3, 2, 1, 0))


def test_codes_are_begun_once() -> None:
    begin = BeginCodes(CAMPAIGN, ORGANISATION, SITE, MAILBOX, CodeRules())
    given().when(begin).then(BEGUN)
    knowing().when(begin).then_nothing()


def test_a_code_is_asked_for_and_typed_where_that_may_help() -> None:
    def offers(*events: object, after: float = 60) -> tuple[bool, bool]:
        state, now = knowing(*events).state(), NOW + timedelta(seconds=after)
        return SendCampaignCode.offered(state, now), EnterCampaignCode.offered(state, now)

    assert offers() == (True, False)
    assert offers(*SENT, after=599) == (True, True)
    assert offers(*SENT, after=600) == (True, False)
    assert offers(*SENT, *BURNED) == (True, False)
    assert offers(*SENT, VERIFIED) == (False, False)
    assert offers(*SENT, DISOWNED) == (False, False)


# --- sending --------------------------------------------------------------------------------------


def test_a_code_is_sent_and_is_whose_who_asked() -> None:
    state = knowing(after=0).when(SendCampaignCode()).then(issued())
    assert (state.sends, state.tries_left, state.owner) == (1, 5, TESS.id)
    assert state.delivery is Delivery.QUEUED
    assert code() not in repr(state)


def test_another_waits_a_minute_and_takes_the_place_of_the_one_before() -> None:
    early = knowing(*SENT, after=59).when(SendCampaignCode()).refused("too_soon")
    assert early.facts == {"retry_after": 2}
    state = knowing(*SENT).when(SendCampaignCode()).then(issued(2, 60))
    assert state.sends == 2


def test_a_day_leaves_so_many_codes_as_the_rules_say_and_the_next_day_again() -> None:
    three = (issued(1, 0), issued(2, 60), issued(3, 120))
    error = knowing(*three, after=3600).when(SendCampaignCode()).refused("too_soon")
    assert error.facts == {"retry_after": 86_400 - 3600 + 1}
    assert "24 h" in error.message or "23 h" in error.message
    state = knowing(*three, after=86_400).when(SendCampaignCode()).then(issued(4, 86_400))
    assert state.may_send_from == NOW + timedelta(seconds=86_460)


def test_a_limit_that_is_reached_sends_nothing() -> None:
    knowing().knowing(SPENT).when(SendCampaignCode()).refused("limit_reached")


NOT_NEEDED = [
    ((VERIFIED,), NEEDED, "no_code_needed"),
    ((DISOWNED,), NEEDED, "codes_disowned"),
    ((), Need(CampaignPhase.DRAWING_UP, ENDS, 3), "campaign_not_agreed"),
    ((), Need(CampaignPhase.AWAITING_APPROVAL, ENDS, 3), "campaign_not_agreed"),
    ((), Need(CampaignPhase.ENDING, ENDS, 3), "campaign_needs_no_code"),
    ((), Need(CampaignPhase.ENDED, ENDS, 3), "campaign_needs_no_code"),
    ((), Need(CampaignPhase.RUNNING, NOW + timedelta(seconds=120), 3), "campaign_needs_no_code"),
    ((), Need(CampaignPhase.RUNNING, ENDS, 0), "no_device_waits"),
]


@pytest.mark.parametrize(("events", "need", "refusal"), NOT_NEEDED)
def test_where_no_code_is_of_use_none_is_sent_and_none_is_taken(
    events: tuple[object, ...], need: Need, refusal: str
) -> None:
    known = knowing(*SENT, *events, need=need, after=120)
    known.when(SendCampaignCode()).refused(refusal)
    known.when(EnterCampaignCode(code())).refused(refusal)


def test_a_campaign_that_is_paused_takes_codes_all_the_same() -> None:
    need = Need(CampaignPhase.PAUSED, ENDS, 3)
    knowing(*SENT, need=need).when(EnterCampaignCode(code())).then(VERIFIED)


# --- entering -------------------------------------------------------------------------------------


@pytest.mark.parametrize("pasted", [code(), f"{code()[:4]} {code()[4:]}", f" {'-'.join(code())}\n"])
def test_the_right_code_counts_as_people_paste_it(pasted: str) -> None:
    state = knowing(*SENT).when(EnterCampaignCode(pasted)).then(VERIFIED)
    assert state.verified
    assert not state.code_is_live


def test_a_wrong_code_costs_a_try_and_the_last_one_burns_it() -> None:
    state = knowing(*SENT).when(EnterCampaignCode(wrong())).then(CampaignCodeRejected(4))
    assert (state.verified, state.tries_left) == (False, 4)
    assert CampaignCodeRejected(4).refusal().code == "wrong_code"
    assert CampaignCodeRejected(0).refusal().code == "code_burned"
    knowing(*SENT, *BURNED).when(EnterCampaignCode(code())).refused("code_burned")


@pytest.mark.parametrize("typed", ["", "1234567", "123456789", "1234567a", "²2345678"])
def test_what_no_code_looks_like_costs_nothing(typed: str) -> None:
    knowing(*SENT).when(EnterCampaignCode(typed)).refused("code_malformed")


def test_a_code_is_taken_for_ten_minutes() -> None:
    knowing(*SENT, after=599).when(EnterCampaignCode(code())).then(VERIFIED)
    knowing(*SENT, after=600).when(EnterCampaignCode(code())).refused("code_expired")


def test_before_a_code_was_sent_there_is_none_to_type() -> None:
    knowing().when(EnterCampaignCode(code())).refused("no_code_sent")


def test_somebody_else_may_not_type_it_and_burns_nothing() -> None:
    theirs = knowing(*SENT).knowing(ALICE_HERSELF)
    for typed in (code(), wrong()):
        state = theirs.when(EnterCampaignCode(typed)).then(CampaignCodeTurnedAway())
        assert (state.verified, state.tries_left) == (False, 5)
    refusal = CampaignCodeTurnedAway().refusal()
    assert isinstance(refusal, Forbidden)
    assert refusal.code == "not_your_code"
    assert not EnterCampaignCode.offered_to(state, ALICE_HERSELF.id)


def test_guesses_beyond_the_limit_are_not_looked_at() -> None:
    knowing(*SENT).knowing(SPENT).when(EnterCampaignCode(code())).refused("limit_reached")


def test_the_code_before_and_that_of_another_mailbox_are_wrong() -> None:
    again = knowing(*SENT, issued(2, 60), after=90)
    again.when(EnterCampaignCode(code(1))).then(CampaignCodeRejected(4))
    again.when(EnterCampaignCode(code(2))).then(VERIFIED)
    other = KEY.code(UUID(int=5), 1, 8)
    knowing(*SENT).when(EnterCampaignCode(other)).then(CampaignCodeRejected(4))


# --- the mail -------------------------------------------------------------------------------------


def told(send: int, delivery: Delivery) -> RecordCampaignMail:
    return RecordCampaignMail(send, delivery, "250 queued")


def test_of_each_mail_each_thing_is_recorded_once() -> None:
    over = CampaignMailTold(1, Delivery.HANDED_OVER, "250 queued")
    state = knowing(*SENT).when(told(1, Delivery.HANDED_OVER)).then(over)
    assert (state.delivery, state.answer) == (Delivery.HANDED_OVER, "250 queued")
    knowing(*SENT, over).when(told(1, Delivery.HANDED_OVER)).then_nothing()
    knowing(*SENT, over).when(told(1, Delivery.DEFERRED)).then_nothing()
    gone = CampaignMailTold(1, Delivery.BOUNCED, "250 queued")
    state = knowing(*SENT, over, issued(2, 60)).when(told(1, Delivery.BOUNCED)).then(gone)
    assert (state.delivery, state.answer) == (Delivery.QUEUED, ""), "those of the newest"
    knowing(*SENT).when(told(2, Delivery.BOUNCED)).then_nothing()


@pytest.mark.parametrize("delivery", list(Delivery))
def test_each_thing_that_is_told_of_a_mail_is_a_sentence(delivery: Delivery) -> None:
    said = CampaignMailTold(2, delivery, "550 no such user").told("Rekey")
    assert "code number 2" in said
    assert said.endswith("550 no such user")
    assert CampaignMailTold(2, delivery, "").told("Rekey").endswith((".", "again."))


# --- this was not me ------------------------------------------------------------------------------


def token(kind: Kind = Kind.CAMPAIGN, campaign: UUID = CAMPAIGN, stream: UUID = STREAM) -> str:
    return PHONE_KEY.token(kind, CodesState(stream, subject=campaign), 1)


def test_whoever_reads_the_mailbox_disowns_also_a_code_that_was_entered() -> None:
    for before in (SENT, (*SENT, VERIFIED)):
        state = knowing(*before).when(DisownCampaignCodes(token())).then(DISOWNED)
        assert (state.verified, state.disowned, state.code_is_live) == (False, True, False)
    knowing(*SENT, DISOWNED).when(DisownCampaignCodes(token())).then_nothing()


@pytest.mark.parametrize(
    "other",
    [
        token(Kind.NOT_ME),
        token(Kind.QR),
        token(campaign=UUID(int=78)),
        token(stream=UUID(int=79)),
        token()[:-1] + ("A" if token()[-1] != "A" else "B"),
        "",
        "nothing of ours",
    ],
)
def test_a_token_of_something_else_disowns_nothing(other: str) -> None:
    knowing(*SENT).when(DisownCampaignCodes(other)).refused("not_me_wrong")


def test_a_token_is_good_until_a_week_after_the_end() -> None:
    need = Need(CampaignPhase.ENDED, NOW, 0)
    week = 7 * 86_400
    knowing(*SENT, need=need, after=week - 1).when(DisownCampaignCodes(token())).then(DISOWNED)
    knowing(*SENT, need=need, after=week).when(DisownCampaignCodes(token())).refused(
        "not_me_expired"
    )


def test_no_code_stands_in_a_repr_and_the_token_has_enough_bits() -> None:
    for secret in (EnterCampaignCode("12345678"), DisownCampaignCodes(token())):
        assert "12345678" not in repr(secret)
        assert token() not in repr(secret)
    assert len(token()) * 5 - 19 * 8 >= 112
