from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from devices.lists.state import KEPT_FOR, Counts, ImportPhase
from devices.steps.import_devices import (
    ApplyImport,
    CheckImport,
    CompleteImport,
    DiscardImport,
    ExpireImport,
    ImportApplied,
    ImportChecked,
    ImportDiscarded,
    ImportExpired,
    ImportNotApplied,
    ImportRequested,
    Kept,
    RefuseImport,
)
from fleet.eventstore.testing import NOW, given
from tests.devices.steps.story import ORGANISATION, SITE

FILE, OWNER, PRINT = "cameras.csv", "person 1", "abc"
TO_DO = Counts(add=2, update=1, unchanged=3)
NO_GOOD = Counts(add=2, problem=1)


def checked(counts: Counts = TO_DO) -> ImportChecked:
    return ImportChecked(
        ORGANISATION, SITE, OWNER, FILE, PRINT, counts, counts.words, NOW + KEPT_FOR
    )


REQUESTED = ImportRequested(FILE)
APPLIED = ImportApplied(FILE, PRINT, 2, 1, 3)
NOT_APPLIED = ImportNotApplied(FILE, "import_outdated", "Look again.", NO_GOOD)


def test_a_list_is_checked_and_kept_for_an_hour() -> None:
    command = CheckImport(ORGANISATION, SITE, OWNER, FILE, PRINT, TO_DO, "[secrets]", b"plan")
    state = given().knowing(Kept()).when(command).then(checked())
    assert (state.phase, state.site, state.owner) == (ImportPhase.CHECKED, SITE, OWNER)
    assert state.expires_at == NOW + timedelta(hours=1)
    assert "secrets" not in repr(command)


def test_its_sentence_counts_what_would_happen() -> None:
    assert checked().told("Alice") == (
        "Alice checked the list cameras.csv: 2 to add, 1 to change, 3 unchanged."
        " Nothing was changed."
    )
    assert "0 unchanged, 1 with a problem" in checked(NO_GOOD).told("Alice")


def test_a_list_without_problems_is_applied() -> None:
    state = given(checked()).when(ApplyImport()).then(REQUESTED)
    assert state.phase is ImportPhase.APPLYING
    state = given(checked(), REQUESTED).when(CompleteImport(TO_DO)).then(APPLIED)
    assert (state.phase, state.counts) == (ImportPhase.APPLIED, TO_DO)


@pytest.mark.parametrize("before", [(REQUESTED,), (REQUESTED, APPLIED)])
def test_asked_twice_it_is_done_once(before: tuple[Any, ...]) -> None:
    given(checked(), *before).when(ApplyImport()).then_nothing()


@pytest.mark.parametrize(
    ("before", "code"),
    [
        ((checked(NO_GOOD),), "import_has_problems"),
        ((checked(Counts(unchanged=3)),), "import_changes_nothing"),
        ((checked(), ImportDiscarded(FILE)), "import_over"),
        ((checked(), ImportExpired(FILE)), "import_over"),
        ((checked(), REQUESTED, NOT_APPLIED), "import_has_problems"),
    ],
)
def test_what_may_not_be_applied(before: tuple[Any, ...], code: str) -> None:
    history = given(*before)
    history.when(ApplyImport()).refused(code)
    assert not ApplyImport.offered(history.state(), NOW)


def test_it_is_offered_for_an_hour() -> None:
    state = given(checked()).state()
    assert ApplyImport.offered(state, NOW + timedelta(minutes=59))
    assert not ApplyImport.offered(state, NOW + KEPT_FOR)
    given(checked()).at(NOW + KEPT_FOR).when(ApplyImport()).refused("import_over")


def test_a_second_worker_changes_nothing() -> None:
    given(checked(), REQUESTED, APPLIED).when(CompleteImport(TO_DO)).refused("import_done_already")
    refuse = RefuseImport("import_outdated", "Look again.", NO_GOOD)
    given(checked(), REQUESTED, APPLIED).when(refuse).then_nothing()


def test_applying_that_came_to_nothing_says_why_and_may_be_tried_again() -> None:
    refuse = RefuseImport("import_outdated", "Look again.", TO_DO)
    told = ImportNotApplied(FILE, "import_outdated", "Look again.", TO_DO)
    state = given(checked(), REQUESTED).when(refuse).then(told)
    assert (state.phase, state.trouble) == (ImportPhase.CHECKED, "Look again.")
    assert given(checked(), REQUESTED, told).when(ApplyImport()).then(REQUESTED).trouble == ""


def test_a_list_is_discarded_unless_it_is_under_way() -> None:
    given(checked()).when(DiscardImport()).then(ImportDiscarded(FILE))
    given(checked(), ImportDiscarded(FILE)).when(DiscardImport()).then_nothing()
    given(checked(), REQUESTED).when(DiscardImport()).refused("import_under_way")
    assert DiscardImport.offered(given(checked()).state(), NOW)


def test_it_expires_after_its_hour_and_not_while_it_is_applied() -> None:
    given(checked()).at(NOW + KEPT_FOR).when(ExpireImport()).then(ImportExpired(FILE))
    given(checked()).when(ExpireImport()).then_nothing()
    given(checked(), REQUESTED).at(NOW + KEPT_FOR).when(ExpireImport()).then_nothing()
    given(checked(), REQUESTED, APPLIED).at(NOW + KEPT_FOR).when(ExpireImport()).then_nothing()
