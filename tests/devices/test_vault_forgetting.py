"""The vault forgets what nobody needs, and never a password that a device may have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from django.conf import settings
from django.utils import timezone
from hypothesis import HealthCheck
from hypothesis import settings as how
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from devices import tasks, vault
from devices.models import Secret
from devices.state import CredentialState, Purpose, credential_id
from devices.steps.credential import (
    BeginCredential,
    PromoteCandidate,
    RecordFoundAgain,
    StoreCandidate,
    WithdrawCandidate,
)
from devices.vault import forgetting
from fleet.celery import app
from fleet.eventstore import subscriptions
from fleet.eventstore.handling import handle
from fleet.eventstore.models import Checkpoint, Job
from fleet.eventstore.store import state_of
from tests.cast import SETUP, Cast
from tests.fleet.eventstore import ground

pytestmark = pytest.mark.django_db

WEEK = timedelta(days=7)


@pytest.fixture
def holders() -> Iterator[list[forgetting.Provider]]:
    """Who is registered; as it was, afterwards."""
    before = list(forgetting._providers)
    yield forgetting._providers
    forgetting._providers[:] = before


def put(device: UUID, *, age: timedelta = WEEK * 2) -> UUID:
    secret = vault.put(device, "made-up")
    let_pass(age, secret)
    return secret


def let_pass(age: timedelta, *secrets: UUID) -> None:
    Secret.objects.filter(id__in=secrets).update(created_at=timezone.now() - age)


def there(*secrets: UUID) -> set[UUID]:
    return set(Secret.objects.filter(id__in=secrets).values_list("id", flat=True))


class Account:
    """An account on a device, without the device."""

    def __init__(self, who: Cast, device: UUID | None = None) -> None:
        self.device = device or uuid4()
        self.stream = credential_id(self.device, "admin")
        self.first = put(self.device)
        begin = BeginCredential(
            who.organisation, who.site, self.device, "admin", Purpose.DEVICE, self.first
        )
        handle(begin, self.stream, SETUP)
        handle(PromoteCandidate(self.first), self.stream, SETUP)

    def try_another(self) -> UUID:
        secret = put(self.device)
        handle(StoreCandidate(secret), self.stream, SETUP)
        return secret

    def change(self) -> UUID:
        secret = self.try_another()
        handle(PromoteCandidate(secret), self.stream, SETUP)
        return secret


def test_what_nobody_names_goes_after_a_week_and_no_sooner() -> None:
    old, young = put(uuid4(), age=WEEK * 1.01), put(uuid4(), age=WEEK * 0.99)
    assert vault.forget_unreferenced() == 1
    assert there(old, young) == {young}
    assert vault.forget_unreferenced(timedelta(0)) == 1


def test_the_current_one_and_the_last_five_stay(who: Cast) -> None:
    account = Account(who)
    changes = [account.first, *(account.change() for _ in range(8))]
    waiting = account.try_another()
    assert vault.forget_unreferenced() == 3
    assert there(*changes, waiting) == {*changes[-6:], waiting}


def test_whatever_was_tried_since_one_was_proven_stays(who: Cast) -> None:
    """The device may have taken any of them: its answers were lost."""
    account = Account(who)
    tried = [account.try_another() for _ in range(9)]
    withdrawn = account.try_another()
    handle(WithdrawCandidate(withdrawn), account.stream, SETUP)
    assert vault.forget_unreferenced() == 0
    proven = account.change()
    known = state_of(CredentialState, account.stream).known
    assert vault.forget_unreferenced() == 12 - len(known)
    assert there(account.first, *tried, withdrawn, proven) == set(known)


def test_what_becomes_named_after_the_first_look_stays(who: Cast, monkeypatch) -> None:
    account = Account(who)
    changes = [account.first, account.change(), account.try_another()]
    monkeypatch.setattr(forgetting, "_named", lambda rows: set())  # it was too early
    assert vault.forget_unreferenced() == 0
    assert there(*changes) == set(changes)


def test_what_waits_for_a_person_stays_while_somebody_holds_it(
    holders: list[forgetting.Provider],
) -> None:
    draft, other = put(uuid4()), put(uuid4())
    held, asked = {draft}, []

    @vault.held_by
    def drafts(secrets: Mapping[UUID, UUID]) -> Iterable[UUID]:
        asked.append(dict(secrets))
        return held & secrets.keys()

    assert vault.forget_unreferenced() == 1
    assert there(draft, other) == {draft}
    assert asked[0].keys() == {draft, other}
    held.clear()
    assert vault.forget_unreferenced() == 1


def test_the_password_of_a_device_that_nobody_took_in_yet_stays(who: Cast) -> None:
    """For a month no worker ran; then its job lay parked for another."""
    device = ground.device(who)
    [typed] = Secret.objects.filter(device=device).values_list("id", flat=True)
    let_pass(WEEK * 8, typed)
    assert vault.forget_unreferenced() == 0, "its event is not a job yet"
    subscriptions.pump()
    assert Checkpoint.objects.get().position > 0
    assert vault.forget_unreferenced() == 0, "its job waits"
    Job.objects.update(status=Job.Status.PARKED)
    assert vault.forget_unreferenced() == 0, "its job is parked"
    Job.objects.all().delete()
    assert vault.forget_unreferenced() == 1, "nobody is ever going to name it"


def test_each_row_of_many_pages_is_looked_at_once(who: Cast, monkeypatch) -> None:
    monkeypatch.setattr(forgetting, "BATCH", 7)
    account = Account(who)
    kept = [account.first, *(account.change() for _ in range(5))]
    for _ in range(30):
        put(account.device)
    assert vault.forget_unreferenced() == 30
    assert there(*kept) == set(kept)


def test_beat_asks_for_it_by_the_name_that_the_task_has() -> None:
    entry = settings.CELERY_BEAT_SCHEDULE["forget passwords"]
    app.loader.import_default_modules()
    assert app.tasks[entry["task"]].name == tasks.forget_passwords.name
    old = put(uuid4())
    tasks.forget_passwords()
    assert not there(old)


# --- whatever happens -----------------------------------------------------------------------------


class Life(RuleBasedStateMachine):
    """An account on a device, with all that may go wrong, and the vault that forgets meanwhile.

    `on_device` is what the device really has; Rekey does not look. Everything but what was put just
    now is older than a week by the time the vault forgets.
    """

    who: Cast

    @initialize()
    def add(self) -> None:
        self.device, self.just_put = uuid4(), list[UUID]()
        self.on_device = put(self.device)
        self.stream = credential_id(self.device, "admin")
        begin = BeginCredential(
            self.who.organisation, self.who.site, self.device, "admin", Purpose.DEVICE,
            self.on_device,
        )  # fmt: skip
        handle(begin, self.stream, SETUP)

    @property
    def state(self) -> CredentialState:
        return state_of(CredentialState, self.stream)

    @rule()
    def choose(self) -> None:
        """In the vault, and nothing names it yet."""
        self.just_put.append(put(self.device, age=timedelta(days=6)))

    @rule()
    def lose_the_transaction(self) -> None:
        """Put by a job that died, or whose command was refused."""
        put(self.device)

    @rule(taken=st.booleans())
    def change(self, taken: bool) -> None:
        """The candidate is stored, and the device hears of it; whether it took it nobody knows."""
        secret = self.just_put.pop() if self.just_put else put(self.device)
        handle(StoreCandidate(secret), self.stream, SETUP)
        let_pass(WEEK * 2, secret)
        if taken:
            self.on_device = secret

    @rule()
    def give_up(self) -> None:
        """The device said no, truly or not."""
        if candidate := self.state.candidate:
            handle(WithdrawCandidate(candidate), self.stream, SETUP)

    @rule()
    def prove(self) -> None:
        """Only what truly opens the device is ever proven."""
        if self.state.candidate == self.on_device:
            handle(PromoteCandidate(self.on_device), self.stream, SETUP)

    @rule()
    def try_the_history(self) -> None:
        if self.on_device in self.state.superseded:
            handle(RecordFoundAgain(self.on_device), self.stream, SETUP)

    @rule()
    def forget(self) -> None:
        vault.forget_unreferenced()

    @invariant()
    def the_password_on_the_device_is_in_the_vault(self) -> None:
        if hasattr(self, "device"):
            needed = {self.on_device, *self.just_put, *self.state.known}
            assert there(*needed) == needed


@pytest.mark.one_database
def test_whatever_happens_the_password_on_the_device_is_in_the_vault(
    who: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devices.state.KEPT", 1)  # so that the list is soon too short
    Life.who = who
    run_state_machine_as_test(
        Life,
        settings=how(
            max_examples=25,
            stateful_step_count=30,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
