from __future__ import annotations

from datetime import timedelta

import pytest

from fleet.accounts.state import Human
from fleet.errors import Conflict, Forbidden, Refused
from fleet.eventstore.testing import NOW, given
from resets.state import Phase
from resets.steps.break_glass import (
    SHORTEST_REASON,
    BreakGlass,
    GlassBroken,
    GlassReviewed,
    ReviewBreakGlass,
)
from resets.steps.choose_password import ChoosePassword, Kept, PasswordGenerated
from resets.steps.prove_password import ResetProven
from tests.resets.steps.story import (
    ALICE_HERSELF,
    APPLIED,
    ASKED,
    AWAITING,
    BROKEN,
    CHOSEN,
    DOORS,
    ENDED,
    EVERY_PHASE,
    RULES,
    SECRET,
    SENT,
    TESS_HERSELF,
    WITH_THE_DEVICE,
)

WHY = "The gate stands open and nobody answers"
BREAKABLE = (AWAITING, ASKED, SENT)
OPENS = timedelta(seconds=RULES.open_for)


@pytest.mark.parametrize("story", BREAKABLE)
def test_one_goes_on_alone_without_approval_and_without_a_code(story) -> None:
    broken = GlassBroken(WHY, ALICE_HERSELF.id, NOW + OPENS)
    state = given(*story).knowing(ALICE_HERSELF).when(BreakGlass(f" {WHY} ")).then(broken)
    assert (state.phase, state.glass_broken_by) == (Phase.VERIFIED, ALICE_HERSELF.id)
    assert not state.code_is_live
    given(*story, broken).knowing(Kept(SECRET)).when(ChoosePassword()).then(
        PasswordGenerated(SECRET)
    )


@pytest.mark.parametrize("story", [s for s in EVERY_PHASE if s not in BREAKABLE])
def test_where_no_code_is_needed_there_is_no_glass_to_break(story) -> None:
    error = given(*story).knowing(ALICE_HERSELF).when(BreakGlass(WHY)).refused("no_glass_to_break")
    assert isinstance(error, Conflict)


@pytest.mark.parametrize("reason", ["", " " * 40, "now", "x" * (SHORTEST_REASON - 1)])
def test_whoever_breaks_it_says_why_it_cannot_wait(reason: str) -> None:
    error = given(*SENT).knowing(ALICE_HERSELF).when(BreakGlass(reason)).refused("reason_missing")
    assert (error.field, isinstance(error, Refused)) == ("reason", True)


@pytest.mark.parametrize("story", BREAKABLE)
def test_only_a_person_breaks_it(story) -> None:
    error = given(*story).knowing(Human()).when(BreakGlass(WHY)).refused("nobody_behind")
    assert isinstance(error, Forbidden)


@pytest.mark.parametrize("story", BREAKABLE)
def test_a_reset_whose_time_is_over_is_begun_anew_instead(story) -> None:
    given(*story).at(NOW + timedelta(days=9)).knowing(ALICE_HERSELF).when(BreakGlass(WHY)).refused(
        "reset_expired"
    )


# --- reviewed -------------------------------------------------------------------------------------


def test_somebody_else_looks_into_it() -> None:
    look = given(*BROKEN).knowing(TESS_HERSELF).when(ReviewBreakGlass(" It was a fire "))
    assert look.then(GlassReviewed("It was a fire")).glass_reviewed


def test_an_ended_reset_is_looked_into_as_well() -> None:
    story = (*BROKEN, CHOSEN, APPLIED, ResetProven(DOORS))
    state = given(*story).state()
    assert state.phase is Phase.DONE
    assert ReviewBreakGlass.offered(state, NOW)
    state = (
        given(*story)
        .knowing(TESS_HERSELF)
        .when(ReviewBreakGlass("A fire"))
        .then(GlassReviewed("A fire"))
    )
    assert state.phase is Phase.DONE


def test_nobody_looks_into_their_own() -> None:
    alice = given(*BROKEN).knowing(ALICE_HERSELF)
    error = alice.when(ReviewBreakGlass("ok")).refused("own_request")
    assert isinstance(error, Forbidden)


def test_only_a_person_looks_into_it() -> None:
    given(*BROKEN).knowing(Human()).when(ReviewBreakGlass("ok")).refused("nobody_behind")


@pytest.mark.parametrize("note", ["", "  \n"])
def test_whoever_looks_says_what_they_found(note: str) -> None:
    tess = given(*BROKEN).knowing(TESS_HERSELF)
    error = tess.when(ReviewBreakGlass(note)).refused("note_missing")
    assert error.field == "note"


def test_once_is_enough() -> None:
    again = given(*BROKEN, GlassReviewed("A fire")).knowing(TESS_HERSELF)
    again.when(ReviewBreakGlass("Me too")).refused("reviewed_already")


@pytest.mark.parametrize("story", [SENT, *WITH_THE_DEVICE, *ENDED])
def test_where_no_glass_was_broken_there_is_nothing_to_look_into(story) -> None:
    given(*story).knowing(TESS_HERSELF).when(ReviewBreakGlass("?")).refused("no_broken_glass")


def test_it_is_shown_to_whoever_may() -> None:
    broken = given(*BROKEN).state()
    assert ReviewBreakGlass.offered_to(broken, TESS_HERSELF.id)
    for nobody in ("", ALICE_HERSELF.id):
        assert not ReviewBreakGlass.offered_to(broken, nobody)
    waiting = given(*AWAITING).state()
    assert BreakGlass.offered_to(waiting, TESS_HERSELF.id)
    assert not BreakGlass.offered_to(waiting, "")
