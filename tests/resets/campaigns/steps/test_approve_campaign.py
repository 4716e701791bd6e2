from __future__ import annotations

from datetime import timedelta

import pytest

from fleet.accounts.state import Human
from fleet.eventstore.messages import Command
from fleet.eventstore.testing import NOW, given
from resets.campaigns.state import CampaignPhase
from resets.campaigns.steps.approve_campaign import (
    ApproveCampaign,
    CampaignApproved,
    CampaignDeclined,
    DeclineCampaign,
)
from tests.resets.campaigns.steps.story import (
    ADA,
    ALICE,
    AWAITING,
    DIGEST,
    ENDS,
    EVERY_PHASE,
)

AGREE, DECLINE = ApproveCampaign(DIGEST), DeclineCampaign("Not before the fair")
KNOWN = given(*AWAITING).knowing(ADA)


def test_a_second_person_agrees_to_what_was_shown() -> None:
    state = KNOWN.when(ApproveCampaign(f" {DIGEST}\n")).then(CampaignApproved("Ada", ADA.id, NOW))
    assert (state.phase, state.approver, state.began_at) == (CampaignPhase.RUNNING, "Ada", NOW)


def test_a_second_person_declines_and_says_why() -> None:
    state = KNOWN.when(DECLINE).then(CampaignDeclined("Not before the fair", NOW))
    assert (state.phase, state.why) == (CampaignPhase.ENDING, "declined")
    assert KNOWN.when(DeclineCampaign(" ")).refused("reason_missing").field == "reason"


@pytest.mark.parametrize("digest", ["", "d", "e" * 64, DIGEST.upper()])
def test_another_digest_is_no_agreement(digest: str) -> None:
    KNOWN.when(ApproveCampaign(digest)).refused("digest_differs")


@pytest.mark.parametrize("answer", [AGREE, DECLINE])
def test_nobody_answers_their_own_plan_and_no_job_does(answer: Command) -> None:
    given(*AWAITING).knowing(ALICE).when(answer).refused("own_request")
    given(*AWAITING).knowing(Human()).when(answer).refused("nobody_behind")
    state = KNOWN.state()
    assert answer.offered_to(state, ADA.id)
    assert not answer.offered_to(state, ALICE.id)
    assert not answer.offered_to(state, "")


@pytest.mark.parametrize("answer", [AGREE, DECLINE])
def test_nobody_answers_once_its_end_date_has_come(answer: Command) -> None:
    assert KNOWN.at(ENDS - timedelta(seconds=1)).when(answer).decided()
    KNOWN.at(ENDS).when(answer).refused("campaign_over")


@pytest.mark.parametrize("answer", [AGREE, DECLINE])
@pytest.mark.parametrize("events", [e for e in EVERY_PHASE if e is not AWAITING])
def test_it_is_answered_once_and_not_before_it_is_drawn_up(answer: Command, events: tuple) -> None:
    given(*events).knowing(ADA).when(answer).refused("campaign_stands_elsewhere")
    assert not answer.offered(given(*events).state(), NOW)
