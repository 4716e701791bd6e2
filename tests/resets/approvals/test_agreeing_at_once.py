"""Approvals and requests at one moment: only once, and none slips by."""

from __future__ import annotations

import pytest

from fleet.errors import Conflict
from fleet.eventstore.handling import handle
from fleet.eventstore.store import read_stream
from resets.state import Phase
from resets.steps.approve_reset import DeclineReset
from tests.cast import cast
from tests.fleet.eventstore.ground import at_once, device, reset
from tests.resets.approvals.asking import agree, ask_always, asked, dora, now

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_two_who_agree_at_once_one_is_told_that_the_other_has() -> None:
    who = cast()
    stream = asked(who)
    command, others = agree(stream), (who.alice, dora(who))
    answers = at_once(
        *(lambda p=p: handle(command, stream, who.by(p)) for p in others),
    )
    [lost] = [a for a in answers if isinstance(a, Exception)]
    assert isinstance(lost, Conflict)
    assert lost.code == "nothing_to_approve"
    assert f"{now(stream).approver} has agreed" in lost.message
    kinds = [one.type for one in read_stream(stream)]
    assert kinds.count("resets.reset_approved") == 1


def test_agreed_and_declined_at_once_it_is_one_of_both() -> None:
    who = cast()
    stream = asked(who)
    command, other = agree(stream), dora(who)
    answers = at_once(
        lambda: handle(command, stream, who.by(who.alice)),
        lambda: handle(DeclineReset("No"), stream, who.by(other)),
    )
    [lost] = [a for a in answers if isinstance(a, Exception)]
    assert isinstance(lost, Conflict)
    assert now(stream).phase in (Phase.REQUESTED, Phase.CANCELLED)
    assert len(read_stream(stream)) == 3


def test_many_at_once_do_not_slip_by_the_number_of_a_day() -> None:
    who = cast()
    ask_always(who, above_a_day=2)
    targets = [device(who) for _ in range(5)]
    answers = at_once(*(lambda t=t: reset(who, t) for t in targets))
    whys = sorted(now(stream).approval_why for stream in answers)
    assert whys == ["", "", *["above_a_day"] * 3]
