"""Refusals and alarms, from a button that says no to a person who has looked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.utils import timezone

from fleet.accounts.access import actor_of_token
from fleet.accounts.state import Role
from fleet.accounts.steps.revoke_token import RevokeToken
from fleet.accounts.tokens import issue
from fleet.errors import NotFound, Refused, RekeyError
from fleet.eventstore import projections, store
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import By
from fleet.eventstore.models import EventRow
from resets.limits import budgets, history, queries, refusals
from resets.limits.models import LimitUse, RefusalCount
from resets.limits.rules import DEFAULTS, Counted, Limit, Scope
from resets.limits.state import PERIOD
from resets.limits.steps import CloseBreaker
from resets.rules import rules_id
from resets.steps.request_reset import RequestReset
from resets.steps.send_code import SendCode
from resets.steps.site_rules import SetLimits
from resets.steps.verify_code import VerifyCode
from tests.cast import Cast
from tests.fleet.eventstore.ground import device

pytestmark = pytest.mark.django_db
GUARD = Limit(Counted.GUESSES, Scope.MAILBOX, 50, 86_400)  # each site has to have one


def limits(who: Cast, *some: Limit) -> None:
    handle(SetLimits(who.site, (*some, GUARD)), rules_id(who.site), who.by(who.alice))


def ask(who: Cast, person: Any = None) -> str:
    """Begin a reset of a device of its own; the code of the refusal, or "begun"."""
    try:
        handle(RequestReset(device(who), "Lost"), new_id(), who.by(person or who.tess))
    except Refused as no:
        return no.code
    return "begun"


def types() -> list[str]:
    kinds = ("resets.limit_reached", "resets.refusals_summed", "resets.breaker_tripped")
    rows = EventRow.everything.filter(type__in=kinds).order_by("position")
    return list(rows.values_list("type", flat=True))


def test_a_refusal_says_when_it_frees_and_changes_nothing_else(who: Cast) -> None:
    limits(who, Limit(Counted.RESETS, Scope.SITE, 2, 3600))
    assert [ask(who), ask(who)] == ["begun", "begun"]
    before = EventRow.everything.filter(category="reset").count()
    with pytest.raises(Refused) as refused:
        handle(RequestReset(device(who), "Lost"), new_id(), who.by(who.alice))
    facts = refused.value.facts
    assert (refused.value.code, facts["left"], facts["most"]) == ("limit_reached", 0, 2)
    assert 3500 < facts["retry_after"] <= 3600
    assert EventRow.everything.filter(category="reset").count() == before


def test_a_flood_of_refusals_is_two_facts(who: Cast) -> None:
    limits(who, Limit(Counted.RESETS, Scope.SITE, 1, 3600))
    assert {ask(who) for _ in range(12)} == {"begun", "limit_reached"}
    assert types() == ["resets.limit_reached"]
    assert refusals.sum_up() == 0
    later = timezone.now() + timedelta(seconds=PERIOD + 1)
    assert refusals.sum_up(later) == 1
    assert refusals.sum_up(later) == 0
    assert types() == ["resets.limit_reached", "resets.refusals_summed"]
    [row] = queries.refusals(who.by(who.bob).actor)
    assert (row.count, row.asker) == (11, "Tess")
    assert not queries.refusals(who.by(who.charlie).actor)
    assert not RefusalCount.objects.exists()


def test_refusals_of_many_kinds_do_not_flood_the_log_either(who: Cast) -> None:
    """Many addresses, each with a limit of its own."""
    limits(who, Limit(Counted.RESETS, Scope.SOURCE, 1, 3600))
    for number in range(refusals.MOST_KINDS + 8):
        by = replace(who.by(who.tess), source=f"198.18.0.{number}")
        handle(RequestReset(device(who), "Lost"), new_id(), by)
        with pytest.raises(Refused, match="from one address"):
            handle(RequestReset(device(who), "Lost"), new_id(), by)
    assert len(types()) == refusals.MOST_KINDS + 1
    refusals.sum_up(timezone.now() + timedelta(seconds=PERIOD + 1))
    assert types() == ["resets.limit_reached"] * (refusals.MOST_KINDS + 1) + [
        "resets.refusals_summed"
    ]
    rows = list(queries.refusals(who.by(who.alice).actor))
    assert sum(row.count for row in rows) == refusals.MOST_KINDS + 8
    assert [row.count for row in rows if not row.counted] == [8]


def test_a_sum_that_died_is_made_again_and_counts_nobody_twice(
    who: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits(who, Limit(Counted.RESETS, Scope.SITE, 1, 3600))
    assert [ask(who) for _ in range(4)][1:] == ["limit_reached"] * 3
    later = timezone.now() + timedelta(seconds=PERIOD + 1)

    def die(*_: Any) -> None:
        raise MemoryError

    with monkeypatch.context() as dying:
        dying.setattr(store, "write", die)
        with pytest.raises(MemoryError):
            refusals.sum_up(later)
    refusals.sum_up(later)
    ask(who)  # by a clock that is behind
    refusals.sum_up(later)
    [row] = queries.refusals(who.by(who.alice).actor)
    assert row.count == 4
    assert not RefusalCount.objects.exists()


def test_what_was_counted_and_never_told_is_told_with_the_sum(
    who: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever was to record the first one died."""
    limits(who, Limit(Counted.RESETS, Scope.SITE, 1, 3600))
    ask(who)
    with monkeypatch.context() as dying:
        dying.setattr(refusals, "handle", lambda *_: None)
        assert ask(who) == ask(who) == "limit_reached"
    assert types() == []
    refusals.sum_up(timezone.now() + timedelta(seconds=PERIOD + 1))
    [row] = queries.refusals(who.by(who.alice).actor)
    assert row.count == 2


def test_two_limits_over_one_thing_are_told_apart(who: Cast) -> None:
    limits(who, Limit(Counted.RESETS, Scope.SITE, 1, 3600))
    assert [ask(who), ask(who)] == ["begun", "limit_reached"]
    limits(who, Limit(Counted.RESETS, Scope.SITE, 1, 7200))
    assert ask(who) == "limit_reached"
    rows = queries.refusals(who.by(who.alice).actor)
    assert sorted((row.window, row.count) for row in rows) == [(3600, 1), (7200, 1)]


def test_an_alarm_goes_off_once_and_waits_for_a_person(who: Cast) -> None:
    limits(who, Limit(Counted.RESETS, Scope.SITE, 2, 3600, trips=True))
    assert [ask(who) for _ in range(5)] == ["begun"] * 2 + ["breaker_tripped"] * 3
    assert types().count("resets.breaker_tripped") == 1
    with time_machine.travel(timezone.now() + timedelta(hours=30), tick=True):
        assert ask(who) == "breaker_tripped"
    [alarm] = queries.breakers(who.by(who.bob).actor)
    assert (alarm.tripped, alarm.scope, alarm.asker) == (True, "site", "Tess")
    assert not queries.breakers(who.by(who.charlie).actor)
    with pytest.raises(NotFound):
        handle(CloseBreaker("Nothing to see"), alarm.pk, who.by(who.charlie))

    handle(CloseBreaker("An installer came"), alarm.pk, who.by(who.alice))
    assert [ask(who) for _ in range(3)] == ["begun", "begun", "breaker_tripped"]
    assert types().count("resets.breaker_tripped") == 2


def test_an_alarm_of_guesses_waits_for_a_person_too(who: Cast) -> None:
    reset = new_id()
    handle(RequestReset(device(who), "Lost"), reset, who.by(who.tess))
    handle(SendCode(), reset, who.by(who.tess))
    limits(who, Limit(Counted.GUESSES, Scope.PERSON, 2, 60, trips=True))

    def guess() -> str:
        with pytest.raises(RekeyError) as no:
            handle(VerifyCode("00000000"), reset, who.by(who.tess))
        return no.value.code

    assert [guess() for _ in range(4)] == ["wrong_code"] * 2 + ["breaker_tripped"] * 2
    with time_machine.travel(timezone.now() + timedelta(minutes=3), tick=True):
        assert guess() == "breaker_tripped"
        [alarm] = queries.breakers(who.by(who.bob).actor)
        handle(CloseBreaker("It was me"), alarm.pk, who.by(who.alice))
        assert guess() == "wrong_code"
    assert types().count("resets.breaker_tripped") == 1


def test_an_alarm_of_resets_lets_a_code_that_was_sent_be_typed(who: Cast) -> None:
    reset = new_id()
    handle(RequestReset(device(who), "Lost"), reset, who.by(who.tess))
    handle(SendCode(), reset, who.by(who.tess))
    limits(who, Limit(Counted.RESETS, Scope.SITE, 1, 3600, trips=True))
    assert ask(who) == "breaker_tripped"
    with pytest.raises(Refused) as no:
        handle(VerifyCode("00000000"), reset, who.by(who.tess))
    assert no.value.code == "wrong_code"


def test_an_alarm_stops_codes_of_resets_that_are_under_way(who: Cast) -> None:
    reset = new_id()
    handle(RequestReset(device(who), "Lost"), reset, who.by(who.tess))
    limits(who, Limit(Counted.RESETS, Scope.SITE, 1, 3600, trips=True))
    assert ask(who) == "breaker_tripped"
    with pytest.raises(Refused) as refused:
        handle(SendCode(), reset, who.by(who.tess))
    assert refused.value.code == "breaker_tripped"


def test_what_is_left_is_shown_before_a_button_is_pressed(who: Cast) -> None:
    target = device(who)
    limits(who, Limit(Counted.RESETS, Scope.SITE, 3, 3600))
    handle(RequestReset(target, "Lost"), new_id(), who.by(who.tess))
    [left] = [
        one
        for one in budgets.of_device(who.by(who.bob), target)
        if one.limit.scope is Scope.SITE and one.limit.counted is Counted.RESETS
    ]
    assert (left.used, left.left) == (1, 2)
    with pytest.raises(NotFound):
        budgets.of_device(who.by(who.charlie), target)


def test_an_alarm_that_is_on_is_shown_once_and_leaves_nothing(who: Cast) -> None:
    limits(who, Limit(Counted.RESETS, Scope.SITE, 1, 3600, trips=True))
    ask(who)
    assert ask(who) == "breaker_tripped"
    [left] = [
        one
        for one in budgets.of_device(who.by(who.bob), device(who))
        if one.limit.scope is Scope.SITE
    ]
    assert left.left == 0


def test_a_site_without_limits_of_its_own_has_the_defaults(who: Cast) -> None:
    actor = who.by(who.bob).actor
    assert queries.ground(actor, who.site).limits == DEFAULTS
    limits(who, Limit(Counted.RESETS, Scope.SITE, 3, 3600))
    assert len(queries.ground(actor, who.site).limits) == 2
    handle(SetLimits(who.site, None), rules_id(who.site), who.by(who.alice))
    assert queries.ground(actor, who.site).limits == DEFAULTS
    with pytest.raises(NotFound):
        queries.ground(who.by(who.charlie).actor, who.site)


def test_the_ledger_stays_what_the_log_says_when_a_token_is_revoked(who: Cast) -> None:
    found = actor_of_token(issue(who.organisation, "gate", Role.OPERATOR, 30, who.by(who.alice)))
    assert found
    handle(RequestReset(device(who), "Lost"), new_id(), By(found[0], "198.18.0.1"))
    assert list(history.differences()) == []
    handle(RevokeToken(), UUID(found[0].id), who.by(who.alice))
    assert list(history.differences()) == []


def test_the_ledger_is_what_the_log_says_and_can_be_made_again(who: Cast) -> None:
    reset = new_id()
    handle(RequestReset(device(who), "Lost"), reset, who.by(who.tess))
    handle(SendCode(), reset, who.by(who.tess))
    before = sorted(LimitUse.objects.values_list("key", "at"))
    assert before
    assert list(projections.differences()) == []
    LimitUse.objects.filter(key=before[0][0]).delete()
    LimitUse.objects.create(key=UUID(int=1), at=timezone.now(), n=1)
    assert [one.what for one in history.differences()].count("is missing") >= 1
    assert "is too much" in [one.what for one in history.differences()]
    history.recount()
    assert sorted(LimitUse.objects.values_list("key", "at")) == before
