"""The score: one table whose weights add up, and to put a reason right never costs anything."""

from __future__ import annotations

import dataclasses
import typing
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resets.readiness.score import (
    BEST,
    REASONS,
    Age,
    Band,
    Drilled,
    Facts,
    Firmware,
    Mailbox,
    Standing,
    Way,
    score,
)

KINDS = {
    name: kind for name, kind in typing.get_type_hints(Facts).items() if not name.startswith("_")
}
EVERYTHING = st.builds(Facts, **{name: st.sampled_from(kind) for name, kind in KINDS.items()})
BEST_OF_ALL = Facts(**{name: list(kind)[-1] for name, kind in KINDS.items()})
WORST_OF_ALL = Facts(**{name: next(iter(kind)) for name, kind in KINDS.items()})


def test_the_worst_there_is_has_nothing_and_the_best_has_all() -> None:
    assert (score(WORST_OF_ALL).value, score(BEST_OF_ALL).value) == (0, BEST)
    assert score(BEST_OF_ALL).reasons == ()
    assert len(score(WORST_OF_ALL).reasons) == len(KINDS)


@given(EVERYTHING)
def test_a_score_is_what_its_reasons_leave(facts: Facts) -> None:
    found = score(facts)
    assert found.value == BEST - sum(reason.weight for reason in found.reasons)
    assert 0 <= found.value <= BEST
    weights = [reason.weight for reason in found.reasons]
    assert weights == sorted(weights, reverse=True)
    assert len({reason.code for reason in found.reasons}) == len(found.reasons)


@given(EVERYTHING, st.sampled_from(sorted(KINDS)), st.data())
def test_to_put_a_reason_right_never_lowers_the_score(
    facts: Facts, name: str, data: st.DataObject
) -> None:
    before = getattr(facts, name)
    better = [one for one in KINDS[name] if one.rank >= before.rank]
    after = dataclasses.replace(facts, **{name: data.draw(st.sampled_from(better))})
    assert score(after).value >= score(facts).value
    mended = dataclasses.replace(facts, **{name: list(KINDS[name])[-1]})
    gone = {r.code for r in score(facts).reasons} - {r.code for r in score(mended).reasons}
    if gone:
        assert score(mended).value > score(facts).value


@pytest.mark.parametrize("kind", KINDS.values(), ids=lambda kind: kind.__name__)
def test_of_each_kind_the_values_get_better_and_the_last_is_no_reason(kind: type) -> None:
    *worse, best = kind
    assert best not in REASONS
    assert set(worse) <= set(REASONS)
    weights = [REASONS[one].weight for one in worse]
    assert weights == sorted(weights, reverse=True) and min(weights) > 0


def test_every_reason_of_the_table_belongs_to_a_kind_and_says_what_to_do() -> None:
    assert set(REASONS) == {one for kind in KINDS.values() for one in kind if one in REASONS}
    for reason in REASONS.values():
        assert reason.words and reason.next.endswith("."), reason.code
        assert reason.tone in ("bad", "warn", "quiet")


def test_every_score_has_its_band() -> None:
    assert [Band.of(n).value for n in (0, 69, 70, 89, 90, 100)] == [
        "not_ready",
        "not_ready",
        "nearly",
        "nearly",
        "ready",
        "ready",
    ]
    for facts in product(*KINDS.values()):
        found = score(Facts(**dict(zip(KINDS, facts, strict=True))))
        assert found.band.words and found.band.tone and found.band.about


def test_a_device_that_was_just_added_and_opens_is_told_to_be_tested() -> None:
    facts = Facts(
        Mailbox.UNTESTED,
        Way.ACCOUNT,
        Firmware.NO_FLAW_KNOWN,
        Standing.CERTIFIED,
        Age.FRESH,
        Drilled.OVERDUE,
    )
    assert [reason.code for reason in score(facts).reasons] == ["mailbox_untested", "drill_overdue"]
    assert score(facts).band is Band.NEARLY
