from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from devices.state import KEPT, CredentialState, Purpose, credential_id
from devices.steps.credential import (
    BeginCredential,
    CandidatePromoted,
    CandidateStored,
    CandidateWithdrawn,
    EarlierPasswordRefused,
    PasswordFoundAgain,
    PasswordSetAside,
    PromoteCandidate,
    RecordFoundAgain,
    RecordRefused,
    SetAside,
    StoreCandidate,
    WithdrawCandidate,
)
from fleet.eventstore.messages import Event
from fleet.eventstore.testing import STREAM, given
from tests.devices.steps.story import BEGUN, DEVICE, FIRST, ORGANISATION, SECOND, SITE, THIRD

CURRENT = (*BEGUN, CandidatePromoted())


def test_an_account_begins_with_its_first_password_as_a_candidate() -> None:
    begin = BeginCredential(ORGANISATION, SITE, DEVICE, "admin", Purpose.DEVICE, FIRST)
    state = given().when(begin).then(*BEGUN)
    assert (state.candidate, state.current, state.superseded) == (FIRST, None, ())
    assert (state.subject, state.site, state.username) == (DEVICE, SITE, "admin")


def test_a_proven_candidate_becomes_current_and_the_one_before_is_remembered() -> None:
    before = (*CURRENT, CandidateStored(SECOND))
    state = given(*before).when(PromoteCandidate(SECOND)).then(CandidatePromoted())
    assert (state.candidate, state.current, state.superseded) == (None, SECOND, (FIRST,))
    assert state.known == (SECOND, FIRST)


def test_a_candidate_that_did_not_get_there_is_remembered_all_the_same() -> None:
    before = (*CURRENT, CandidateStored(SECOND))
    state = given(*before).when(WithdrawCandidate(SECOND)).then(CandidateWithdrawn())
    assert (state.candidate, state.current, state.superseded) == (None, FIRST, (SECOND,))


def test_a_candidate_that_was_never_settled_may_be_what_the_device_has() -> None:
    before = (*CURRENT, CandidateStored(SECOND))
    state = given(*before).when(StoreCandidate(THIRD)).then(CandidateStored(THIRD))
    assert state.known == (THIRD, FIRST, SECOND)


@pytest.mark.parametrize("secret", [FIRST, SECOND])
def test_storing_what_is_candidate_or_current_changes_nothing(secret: UUID) -> None:
    given(*CURRENT, CandidateStored(SECOND)).when(StoreCandidate(secret)).then_nothing()


@pytest.mark.parametrize("step", [PromoteCandidate, WithdrawCandidate])
@pytest.mark.parametrize("events", [CURRENT, (*CURRENT, CandidateStored(SECOND))])
def test_settling_what_is_no_candidate_changes_nothing(step: type, events: tuple) -> None:
    given(*events).when(step(FIRST)).then_nothing()
    given(*events).when(step(THIRD)).then_nothing()


LOST = (*CURRENT, CandidateStored(SECOND), CandidatePromoted(), CandidateStored(THIRD))


def test_an_earlier_password_that_opens_the_device_is_current_again_and_none_is_forgotten() -> None:
    found = PasswordFoundAgain("admin", FIRST)
    state = given(*LOST).when(RecordFoundAgain(FIRST)).then(found)
    assert (state.candidate, state.current, state.superseded) == (None, FIRST, (THIRD, SECOND))
    given(*LOST, found).when(RecordFoundAgain(FIRST)).then_nothing()


@pytest.mark.parametrize("secret", [SECOND, THIRD, UUID(int=99)])
def test_only_an_earlier_password_is_found_again(secret: UUID) -> None:
    given(*LOST).when(RecordFoundAgain(secret)).then_nothing()


def test_an_earlier_password_that_was_refused_stands_in_the_history_and_is_kept() -> None:
    refused = EarlierPasswordRefused("admin", FIRST)
    assert given(*LOST).when(RecordRefused(FIRST)).then(refused) == given(*LOST).state()


STEPS = st.sampled_from([StoreCandidate, PromoteCandidate, WithdrawCandidate, RecordFoundAgain])


@given_any(st.lists(st.tuples(STEPS, st.integers(1, 9)), max_size=40))
def test_whatever_happens_the_last_five_and_what_may_be_on_the_device_are_known(
    history: list[tuple[type, int]],
) -> None:
    events: list[Event] = list(BEGUN)
    stored = [FIRST]
    fresh = iter(range(100, 1000))
    for step, number in history:
        state: CredentialState = given(*events).state()
        secret = UUID(int=next(fresh)) if number > 3 else stored[-number % len(stored)]
        events += (decided := given(*events).when(step(secret)).decided())
        if CandidateStored(secret) in decided:
            stored.append(secret)
        now: CredentialState = given(*events).state()
        assert len(now.superseded) <= KEPT
        # Whatever the device may have had before this, it is still known, the newest first.
        for known in (state.candidate, state.current):
            assert known is None or known in now.known
        assert set(now.known) <= set(stored)
        if now.current != state.current:
            assert step in (PromoteCandidate, RecordFoundAgain)
            assert now.current == secret
            assert secret in (state.superseded if step is RecordFoundAgain else (state.candidate,))


def test_an_account_of_a_device_has_one_stream_that_follows_from_both() -> None:
    assert credential_id(DEVICE, "admin") == credential_id(DEVICE, "admin")
    others = {
        credential_id(DEVICE, "Admin"),
        credential_id(DEVICE, "rekey"),
        credential_id(STREAM, "admin"),
        credential_id(DEVICE, "admin"),
    }
    assert len(others) == 4


def test_the_old_devices_password_is_set_aside_once_for_the_new_ones() -> None:
    given(*CURRENT).when(SetAside(SECOND)).then(PasswordSetAside())
    aside = (*CURRENT, PasswordSetAside())
    given(*aside).when(SetAside(SECOND)).then()
    given(*aside, CandidateStored(SECOND), CandidatePromoted()).when(SetAside(SECOND)).then()
