"""The ledger of uses is held to one on paper, on both databases."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from operator import itemgetter
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from fleet.errors import Refused
from fleet.eventstore.testing import NOW
from resets.limits import ledger
from resets.limits.models import LimitUse
from resets.limits.rules import LONGEST, Counted, Limit, Scope, Use
from tests.resets.limits.naive import Paper

pytestmark = pytest.mark.django_db

KEYS = [UUID(int=n << 100 | n) for n in range(4)]  # their locks differ, as hashes' do
LIMITS = st.builds(
    Limit,
    st.just(Counted.CODES),
    st.just(Scope.DEVICE),
    st.integers(1, 4),
    st.sampled_from([60, 61, 120, 300, LONGEST]),
    st.booleans(),
)
SECONDS = st.one_of(
    st.integers(-90, 200), st.sampled_from([-60, 59.999999, 60.0, 60.000001, 61.0, 120.0]),
    st.just(float(LONGEST)),
)  # fmt: skip


def limit(most: int, window: int = 60, trips: bool = False) -> Limit:
    return Limit(Counted.CODES, Scope.DEVICE, most, window, trips)


def after(seconds: float) -> Any:
    return NOW + timedelta(seconds=seconds)


class Ledger(RuleBasedStateMachine):
    """Takes, looks and forgets in any order, while the clock goes on or jumps back."""

    def __init__(self) -> None:
        super().__init__()
        LimitUse.objects.all().delete()
        self.paper, self.now = Paper(), NOW

    @rule(seconds=SECONDS)
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(
        asked=st.lists(
            st.tuples(LIMITS, st.sampled_from(KEYS), st.none() | st.integers(-200, 30)), max_size=4
        ),
        also=st.lists(st.sampled_from(KEYS), max_size=2),
        really=st.booleans(),
    )
    def ask(self, asked: Any, also: list[UUID], really: bool) -> None:
        uses = [
            Use(one, key, since=None if ago is None else self.now + timedelta(seconds=ago))
            for one, key, ago in sorted(asked, key=itemgetter(1))
        ]
        used = [self.paper.used(use, self.now) for use in uses]
        frees = [self.paper.frees_at(use, self.now) for use in uses]
        budget = ledger.take(uses, self.now, also) if really else ledger.look(uses, self.now)
        full = {n for n, use in enumerate(uses) if used[n] >= use.limit.most}
        passed = self.paper.take(uses, self.now, also) if really else False
        assert (budget.refused is None) == (not full)
        assert [left.used for left in budget.lefts] == [
            min(n, use.limit.most) + passed for n, use in zip(used, uses, strict=True)
        ]
        for number, left in enumerate(budget.lefts):
            waits = number in full and not left.limit.trips
            assert left.frees_at == (frees[number] if waits else None)
        if budget.refused and not budget.refused.limit.trips:
            assert not any(uses[n].limit.trips for n in full)
            assert budget.refused.frees_at == max(frees[n] for n in full)  # type: ignore[type-var]

    @rule()
    def forget(self) -> None:
        ledger.forget(self.now)
        self.paper.forget(self.now)

    @invariant()
    def the_table_is_what_stands_on_paper(self) -> None:
        assert Counter(LimitUse.objects.values_list("key", "at")) == Counter(self.paper.uses)


def test_in_any_order_the_ledger_does_what_one_on_paper_does() -> None:
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_as_many_as_allowed_pass_and_the_next_when_the_first_leaves_the_window() -> None:
    use = Use(limit(2), KEYS[0])
    assert ledger.take([use], after(0)).lefts[0].left == 1
    assert ledger.take([use], after(10)).lefts[0].left == 0
    refused = ledger.take([use], after(59.5)).refused
    assert refused and (refused.used, refused.left, refused.frees_at) == (2, 0, after(60))
    assert ledger.take([use], after(60)).refused is None
    again = ledger.take([use], after(60)).refused
    assert again and again.frees_at == after(70)


def test_what_one_limit_refuses_counts_for_none() -> None:
    narrow, wide = Use(limit(1), KEYS[0]), Use(limit(5), KEYS[1])
    ledger.take([narrow, wide], NOW)
    for _ in range(5):
        assert ledger.take([narrow, wide], NOW).refused
    assert ledger.look([wide], NOW).lefts[0].used == 1


def test_two_limits_over_one_thing_count_it_once() -> None:
    uses = [Use(limit(1, 60), KEYS[0]), Use(limit(2, 120), KEYS[0])]
    ledger.take(uses, after(0))
    assert LimitUse.objects.count() == 1
    assert ledger.take(uses, after(60)).refused is None
    refused = ledger.take(uses, after(61)).refused
    assert refused and refused.limit.most == 1, "the one that frees last"


def test_a_lowered_limit_frees_when_enough_have_left() -> None:
    for second in range(4):
        ledger.take([Use(limit(9), KEYS[0])], after(second))
    refused = ledger.look([Use(limit(2), KEYS[0])], after(5)).refused
    assert refused and refused.frees_at == after(62)


def test_what_no_limit_asks_for_is_counted_all_the_same() -> None:
    ledger.take([], NOW, also=[KEYS[2]])
    assert ledger.look([Use(limit(1), KEYS[2])], NOW).refused


def test_a_look_uses_nothing_up() -> None:
    use = Use(limit(1), KEYS[0])
    for _ in range(3):
        assert ledger.look([use], NOW).refused is None
    assert ledger.take([use], NOW).refused is None


def test_the_refusal_says_which_limit_when_it_frees_and_what_is_left() -> None:
    use = Use(Limit(Counted.CODES, Scope.MAILBOX, 1, 86_400), KEYS[0])
    ledger.take([use], NOW).refuse()
    with pytest.raises(Refused) as refused:
        ledger.take([use], after(79_200)).refuse()
    error = refused.value
    assert error.code == "limit_reached"
    assert (
        error.message == "No more than 1 code for one mailbox in 24 h. The next one is free in 2 h."
    )
    assert error.facts == {
        "limit": "codes_mailbox",
        "most": 1,
        "window": 86_400,
        "used": 1,
        "left": 0,
        "retry_after": 7200,
        "frees_at": after(86_400).isoformat(),
    }


def test_an_alarm_waits_for_a_person_and_not_for_time() -> None:
    use = Use(limit(1, trips=True), KEYS[0])
    ledger.take([use, Use(limit(1), KEYS[1])], NOW)
    with pytest.raises(Refused, match="administrator") as refused:
        ledger.take([use, Use(limit(1), KEYS[1])], NOW).refuse()
    assert refused.value.code == "breaker_tripped"
    assert "retry_after" not in refused.value.facts


def test_what_is_older_than_any_window_is_forgotten() -> None:
    ledger.take([], after(-1), also=[KEYS[0]])
    ledger.take([], after(0), also=[KEYS[0]])
    assert ledger.forget(after(LONGEST)) == 1
    assert LimitUse.objects.get().at == NOW
