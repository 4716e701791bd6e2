"""The past, played again under other limits, is what the ledger would have done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from resets.limits.counting import About, Happened
from resets.limits.replay import Replayed, replay
from resets.limits.rules import Counted, Limit, Scope, Use
from tests.resets.limits.naive import Paper

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ABOUTS = [
    About(UUID(int=1), UUID(int=2 + n % 2), UUID(int=10 + n), person=f"p{n % 2}") for n in range(3)
]
LIMITS = st.lists(
    st.builds(
        Limit,
        st.sampled_from([Counted.RESETS, Counted.CODES]),
        st.sampled_from([Scope.DEVICE, Scope.SITE, Scope.PERSON]),
        st.integers(1, 4),
        st.sampled_from([60, 3600]),
    ),
    max_size=3,
    unique=True,  # the same one twice is refused, see `rules.checked`
)
PAST = st.lists(
    st.tuples(
        st.integers(0, 4000), st.sampled_from([Counted.RESETS, Counted.CODES]), st.integers(0, 2)
    ),
    max_size=30,
)


@given(limits=LIMITS, past=PAST)
def test_a_preview_says_what_the_ledger_would_have_done(
    limits: list[Limit], past: list[tuple[int, Counted, int]]
) -> None:
    happened = [
        Happened(NOW + timedelta(seconds=after), counted, ABOUTS[n].keys(counted), UUID(int=n))
        for after, counted, n in sorted(past)
    ]
    paper, asked, refused = Paper(), 0, 0
    for one in happened:
        uses = [
            Use(limit, one.keys[limit.scope])
            for limit in limits
            if limit.counted is one.counted and limit.scope in one.keys
        ]
        if uses:
            asked += 1
            refused += not paper.take(uses, one.at)
    seen = replay(limits, happened, NOW)
    assert (seen.asked, seen.count) == (asked, refused)
    assert sum(one.count for one in seen.refused) == refused


def test_what_happened_elsewhere_counts_and_is_not_told_of() -> None:
    limit = Limit(Counted.RESETS, Scope.PERSON, 1, 3600)
    first, second = (
        Happened(
            NOW + timedelta(seconds=n),
            Counted.RESETS,
            ABOUTS[0].keys(Counted.RESETS),
            UUID(int=n),
            n == 1,
        )
        for n in range(2)
    )
    seen = replay([limit], [first, second], NOW)
    assert (seen.asked, seen.count) == (1, 1)


def test_it_is_said_in_a_sentence() -> None:
    assert Replayed(41, 3).words == "In the last day, 3 of 41 would have been refused."
    assert "none of 41" in Replayed(41, 0).words
    assert "nothing was asked" in Replayed(0, 0).words
