"""Two at once: one passes, and the other one is told what has become of it."""

from __future__ import annotations

from functools import partial

import pytest

from fleet.accounts.state import Role
from fleet.errors import Conflict
from fleet.eventstore import projections, subscriptions
from fleet.eventstore.chain import first_break
from fleet.eventstore.handling import Outcome, handle
from fleet.eventstore.store import read_stream
from resets.mailboxes.models import MailboxChange
from resets.mailboxes.steps import ApproveMailbox, DeclineMailbox
from tests.cast import Cast, cast, person
from tests.fleet.eventstore.ground import at_once, device
from tests.resets.mailboxes.ground import proposed, row

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def who(monkeypatch: pytest.MonkeyPatch) -> Cast:
    monkeypatch.setattr(subscriptions, "REACTIONS", {})  # nobody is woken
    return cast()


def test_of_many_approvals_at_once_one_counts_and_each_other_has_its_sentence(who: Cast) -> None:
    change = proposed(who, device(who))
    people = [
        who.alice,
        *(person(f"A{n}", who.organisation, Role.ADMINISTRATOR, who.site) for n in range(3)),
    ]
    digest = row(change).digest
    answers = at_once(
        *[partial(handle, ApproveMailbox(digest), change, who.by(one)) for one in people]
    )
    passed = [one for one in answers if isinstance(one, Outcome)]
    others = [one for one in answers if isinstance(one, Conflict)]
    assert (len(passed), len(others)) == (1, 3), answers
    approver = row(change).approver
    assert {one.code for one in others} == {"nothing_to_approve"}
    assert all(one.message.startswith(f"{approver} has agreed to it already") for one in others)
    assert [r.type for r in read_stream(change)] == [
        "resets.mailbox_proposed",
        "resets.mailbox_approved",
    ]
    assert first_break(read_stream(change)) is None


def test_an_approval_and_a_refusal_at_once_are_one_of_both(who: Cast) -> None:
    change = proposed(who, device(who))
    dora = person("Dora", who.organisation, Role.ADMINISTRATOR)
    answers = at_once(
        partial(handle, ApproveMailbox(row(change).digest), change, who.by(who.alice)),
        partial(handle, DeclineMailbox("Who is that?"), change, who.by(dora)),
    )
    assert {type(one) for one in answers} == {Outcome, Conflict}
    assert len(read_stream(change)) == 2
    assert row(change).stage in ("approved", "declined")


def test_of_many_who_propose_at_once_one_does(who: Cast) -> None:
    gate = device(who)
    answers = at_once(
        *[partial(proposed, who, gate, who.tess, f"k{n}@example.net") for n in range(4)]
    )
    refused = [one for one in answers if isinstance(one, Conflict)]
    assert len(refused) == 3, answers
    assert {one.code for one in refused} == {"mailbox_proposed_already"}
    assert MailboxChange.objects.for_jobs().filter(device=gate).count() == 1
    assert list(projections.differences()) == []
