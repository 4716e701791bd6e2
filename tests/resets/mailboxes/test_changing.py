"""From a proposal to a changed mailbox: what happens to the device, to its reset, and by mail."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.utils import timezone

from devices import deeds
from devices.queries import device_for_jobs
from devices.steps.change_device import ChangeDevice
from devices.steps.move_device import MoveDevice
from devices.steps.open_site import OpenSite
from devices.steps.remove_device import RemoveDevice
from fleet.accounts import tokens
from fleet.accounts.access import actor_of_token
from fleet.accounts.state import Role
from fleet.errors import Conflict, Forbidden, NotFound, Refused
from fleet.eventstore import projections
from fleet.eventstore.chain import first_break
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import By
from fleet.eventstore.models import EventRow, Job
from fleet.eventstore.store import read_stream, state_of
from resets import supplies
from resets.mailboxes import queries, reactions
from resets.mailboxes.proposing import propose
from resets.mailboxes.steps import (
    VALID,
    ApproveMailbox,
    DeclineMailbox,
    ProposeMailbox,
    WithdrawMailbox,
)
from resets.notices import reactions as telling
from resets.notices.queries import notices_of
from resets.state import Delivery, Phase, ResetState
from resets.steps.request_reset import RequestReset, ResetRequested
from resets.steps.send_code import SendCode
from tests.cast import SETUP, Cast, person
from tests.fleet.eventstore.ground import device, reset
from tests.resets.mailboxes.ground import (
    NEW,
    NEW_SHOWN,
    OLD,
    OLD_SHOWN,
    OURS,
    REASON,
    agree,
    owed,
    page,
    proposed,
    row,
    told,
    work,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def gate(who: Cast) -> UUID:
    return device(who)


def mailbox(gate: UUID) -> str:
    found: str = device_for_jobs(gate).reset_email
    return found


def letters(mail_sink: Any, about: str = "was changed") -> dict[str, Any]:
    """Those about this, by whom they went to: one each."""
    mails = [mail for mail in mail_sink.mails() if about in mail.subject]
    by_reader = {mail.to[0]: mail for mail in mails}
    assert len(by_reader) == len(mails)
    return by_reader


def test_two_people_change_a_mailbox_and_all_are_told(
    who: Cast, gate: UUID, mail_sink: Any
) -> None:
    change = proposed(who, gate)
    assert (row(change).stage, mailbox(gate)) == ("proposed", OLD)
    agree(who, change)
    work()
    assert (row(change).stage, mailbox(gate)) == ("changed", NEW)
    mails = letters(mail_sink)
    assert set(mails) == {OLD, NEW, "tess@example.com", "alice@example.com"}
    for address, sees, not_sees in (
        ("tess@example.com", (OLD, NEW, page(change)), ()),
        ("alice@example.com", (OLD, NEW, page(change)), ()),
        (OLD, (OLD, NEW_SHOWN, "until now"), (NEW, page(change))),
        (NEW, (NEW, OLD_SHOWN), (OLD, page(change))),
    ):
        mail = mails[address]
        html = mail.message.get_body(("html",)).get_content()
        for body in (mail.text, html):
            assert all(one in body for one in (*sees, "Gate north", "Tess", "Alice", REASON))
            assert not any(one in body for one in not_sees), address
    [notice] = notices_of(who.by(who.alice).actor, change).filter(title__contains="was changed")
    assert {one["name"]: one["mailbox"] for one in notice.told} == {
        "Tess": "t•••s@e•••e.com",
        "Alice": "a•••e@e•••e.com",
        "The owner of the old mailbox": OLD_SHOWN,
        "The owner of the mailbox": NEW_SHOWN,
    }
    story = " ".join(told(change) + told(gate))
    assert f"Tess proposed {NEW_SHOWN} as the Reset Password Email of Gate north" in story
    assert "Alice agreed to the proposed Reset Password Email." in story
    assert f"The Reset Password Email is {NEW_SHOWN} from now on" in story
    assert OLD not in story
    assert NEW not in story
    assert list(projections.differences()) == []
    assert first_break(read_stream(change)) is None


def test_those_who_may_agree_are_asked_and_who_proposed_it_hears_the_answer(
    who: Cast, gate: UUID, mail_sink: Any
) -> None:
    change = proposed(who, gate)
    work()
    asked = letters(mail_sink, "Your approval is asked")
    assert set(asked) == {"alice@example.com"}
    assert all(one in asked["alice@example.com"].text for one in (OLD, NEW, REASON, page(change)))
    handle(DeclineMailbox("Who is that?"), change, who.by(who.alice))
    work()
    [answer] = letters(mail_sink, "Declined").values()
    assert answer.to == ["tess@example.com"]
    assert "Who is that?" in answer.text
    again = proposed(who, gate, by=who.alice)
    work()
    assert len(letters(mail_sink, "Your approval is asked")) == 1, "nobody is asked about their own"
    assert row(again).stage == "proposed"


def test_a_mailbox_is_named_where_there_is_none(who: Cast, mail_sink: Any) -> None:
    bare = device(who, reset_email="")
    change = proposed(who, bare)
    agree(who, change)
    work()
    assert mailbox(bare) == NEW
    assert set(letters(mail_sink)) == {"alice@example.com", NEW, "tess@example.com"}


def test_a_dead_mailbox_keeps_nobody_else_from_being_told(
    who: Cast, gate: UUID, mail_sink: Any
) -> None:
    mail_sink.refuse(OLD)
    change = proposed(who, gate)
    agree(who, change)
    work()
    assert set(letters(mail_sink)) == {"alice@example.com", NEW, "tess@example.com"}
    [notice] = notices_of(who.by(who.alice).actor, change).filter(title__contains="was changed")
    assert [one["mailbox"] for one in notice.told if one["refused"]] == [OLD_SHOWN]


def test_a_letter_that_is_put_off_is_sent_once_and_the_others_are_not_sent_again(
    who: Cast, gate: UUID, mail_sink: Any
) -> None:
    mail_sink.defer(NEW, times=1)
    change = proposed(who, gate)
    agree(who, change)
    work()
    assert set(letters(mail_sink)) == {"alice@example.com", OLD, "tess@example.com"}
    with time_machine.travel(timezone.now() + timedelta(minutes=1), tick=True):
        work()
    assert set(letters(mail_sink)) == {"alice@example.com", NEW, OLD, "tess@example.com"}


class Died(BaseException):
    """The worker is gone."""


def test_a_letter_that_is_sent_again_is_the_same_letter(
    who: Cast, gate: UUID, mail_sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = proposed(who, gate)
    agree(who, change)
    reactions.change_mailbox(read_stream(change)[-1])
    changed = read_stream(change)[-1]

    def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(telling, "handle", die)
        with pytest.raises(Died):
            reactions.tell_of_mailbox(changed)
    reactions.tell_of_mailbox(changed)
    reactions.tell_of_mailbox(changed)
    one, other = mail_sink.mails("tess@example.com")
    assert one.text == other.text
    assert one.message["Message-ID"] == other.message["Message-ID"]
    assert len(mail_sink.mails()) == 5
    assert len({mail.message["Message-ID"] for mail in mail_sink.mails()}) == 4


def test_a_worker_that_dies_half_way_leaves_nothing_half_done(
    who: Cast, gate: UUID, mail_sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = proposed(who, gate)
    agree(who, change)
    approved = read_stream(change)[-1]

    def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(reactions, "handle_all", die)
        with pytest.raises(Died):
            reactions.change_mailbox(approved)
    assert (mailbox(gate), row(change).stage) == (NEW, "approved")
    reactions.change_mailbox(approved)
    reactions.change_mailbox(approved)
    assert row(change).stage == "changed"
    changes = EventRow.everything.filter(type="devices.reset_email_changed").count()
    assert changes == 1


# --- the reset that is open -----------------------------------------------------------------------


def test_an_open_reset_goes_on_with_the_new_mailbox(who: Cast, gate: UUID, mail_sink: Any) -> None:
    walk = reset(who, gate)
    handle(SendCode(), walk, who.by(who.tess))
    agree(who, proposed(who, gate))
    work()
    state = state_of(ResetState, walk)
    assert (state.reset_email, state.phase, state.sends) == (NEW, Phase.REQUESTED, 1)
    assert state.delivery is Delivery.NONE
    assert f"Codes of this reset go to {NEW_SHOWN}" in told(walk)[-1]


def test_a_reset_that_began_while_the_mailbox_was_being_changed_has_the_new_one(
    who: Cast, gate: UUID, mail_sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have read the old one before, and have been recorded after."""
    as_it_was = device_for_jobs(gate)
    agree(who, proposed(who, gate))
    work()
    with monkeypatch.context() as patch:
        patch.setattr(supplies.devices, "device", lambda *_: as_it_was)
        walk = new_id()
        handle(RequestReset(gate, "The installer left"), walk, who.by(who.tess))
    begun = read_stream(walk)[0].event
    assert isinstance(begun, ResetRequested)
    assert begun.reset_email == OLD
    work()
    assert state_of(ResetState, walk).reset_email == NEW


def test_without_a_reset_nothing_begins_one(who: Cast, gate: UUID, mail_sink: Any) -> None:
    agree(who, proposed(who, gate))
    work()
    assert not EventRow.everything.filter(type__startswith="resets.reset").exists()


# --- who may, and who may not ---------------------------------------------------------------------


def test_who_may_propose_and_agree(who: Cast, gate: UUID) -> None:
    command = ProposeMailbox(gate, NEW, REASON)
    with pytest.raises(NotFound):
        handle(command, new_id(), who.by(who.charlie))
    with pytest.raises(NotFound):
        propose(gate, NEW, REASON, who.by(who.charlie))
    with pytest.raises(Forbidden) as refused:
        propose(gate, "no mailbox", REASON, who.by(who.bob))
    assert refused.value.code == "role_too_low"
    change = proposed(who, gate)
    for person_, error in (
        (who.charlie, NotFound),
        (who.bob, Forbidden),
        (who.tess, Forbidden),
    ):
        with pytest.raises(error):
            agree(who, change, by=person_)
    assert row(change).stage == "proposed"
    agree(who, change)


def test_a_person_and_their_own_token_are_one(who: Cast, gate: UUID) -> None:
    by = who.by(who.alice)
    token = tokens.issue(who.organisation, "tests", Role.ADMINISTRATOR, 30, by, None)
    found = actor_of_token(token)
    assert found
    by_token = By(found[0])
    change = propose(gate, NEW, REASON, by_token)
    for own in (by, by_token):
        with pytest.raises(Forbidden) as refused:
            handle(ApproveMailbox(row(change).digest), change, own)
        assert refused.value.code == "own_request"
    assert row(change).proposer == "Alice"
    assert not queries.waiting(by.actor).exists()
    assert not queries.waiting(by_token.actor).exists()
    handle(WithdrawMailbox(), change, by)

    again = propose(gate, NEW, REASON, by)
    dora = person("Dora", who.organisation, Role.ADMINISTRATOR, who.site)
    theirs = tokens.issue(who.organisation, "x", Role.ADMINISTRATOR, 30, who.by(dora), who.site)
    second = actor_of_token(theirs)
    assert second
    assert [r.pk for r in queries.waiting(second[0])] == [again]
    handle(ApproveMailbox(row(again).digest), again, By(second[0]))
    assert row(again).approver == "Dora"


def test_there_is_one_open_proposal_for_a_device(who: Cast, gate: UUID) -> None:
    change = proposed(who, gate)
    with pytest.raises(Conflict) as refused:
        proposed(who, gate, by=who.alice, email="another@example.com")
    assert refused.value.code == "mailbox_proposed_already"
    handle(DeclineMailbox("Who is that?"), change, who.by(who.alice))
    again = proposed(who, gate)
    agree(who, again)
    with pytest.raises(Conflict):  # it is agreed to, and not in force yet
        proposed(who, gate, by=who.alice, email="another@example.com")


def test_those_that_wait_for_somebody_are_shown_to_whom_they_wait_for(
    who: Cast, gate: UUID
) -> None:
    change = proposed(who, gate)
    assert [r.pk for r in queries.waiting(who.by(who.alice).actor)] == [change]
    for somebody in (who.tess, who.bob, who.charlie):
        assert not queries.waiting(who.by(somebody).actor).exists()
    with time_machine.travel(timezone.now() + VALID):
        assert not queries.waiting(who.by(who.alice).actor).exists()


# --- what has changed meanwhile -------------------------------------------------------------------


def test_an_approval_of_a_device_that_was_changed_is_void(who: Cast, gate: UUID) -> None:
    change = proposed(who, gate)
    handle(ChangeDevice(name="Gate south"), gate, who.by(who.alice))
    with pytest.raises(Conflict) as refused:
        agree(who, change)
    assert refused.value.code == "approval_void"
    assert (row(change).stage, mailbox(gate)) == ("void", OLD)
    with pytest.raises(Conflict) as refused:
        agree(who, change)
    assert refused.value.code == "nothing_to_approve"
    work()
    assert mailbox(gate) == OLD


def test_a_proposal_does_not_go_along_to_another_site(who: Cast, gate: UUID) -> None:
    elsewhere = new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/London"), elsewhere, SETUP)
    change = proposed(who, gate)
    deeds.do(MoveDevice(elsewhere), gate, who.by(who.alice))
    work()
    assert row(change).stage == "void"
    again = proposed(who, gate, by=who.alice)
    assert row(again).site == elsewhere


def test_a_proposal_ends_with_its_device(who: Cast, gate: UUID) -> None:
    change = proposed(who, gate)
    handle(RemoveDevice("Broken"), gate, who.by(who.alice))
    work()
    assert row(change).stage == "void"
    with pytest.raises(Refused) as refused:
        proposed(who, gate)
    assert refused.value.code == "device_removed"


def test_a_device_that_left_after_the_approval_keeps_its_mailbox(
    who: Cast, gate: UUID, mail_sink: Any
) -> None:
    change = proposed(who, gate)
    agree(who, change)
    handle(RemoveDevice("Broken"), gate, who.by(who.alice))
    work()
    assert (row(change).stage, mailbox(gate)) == ("void", OLD)
    assert letters(mail_sink) == {}
    assert set(letters(mail_sink, "Void")) == {"tess@example.com"}


def test_what_nobody_agrees_to_expires(who: Cast, gate: UUID) -> None:
    change = proposed(who, gate)
    work()
    assert row(change).stage == "proposed"
    with time_machine.travel(timezone.now() + VALID + timedelta(seconds=1), tick=True):
        work()
    assert row(change).stage == "expired"
    assert mailbox(gate) == OLD


def test_nothing_is_owed_in_the_end(who: Cast, gate: UUID, mail_sink: Any) -> None:
    agree(who, proposed(who, gate))
    work()
    assert owed() == []
    left = set(Job.objects.values_list("reaction", flat=True))
    assert left & set(OURS) == {"resets.expire_mailbox_proposal"}
