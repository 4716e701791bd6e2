"""Sixteen clients at one reset at once: no error of the server's, no double step, tries exact."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import connection

from devices.models import Secret
from fleet.eventstore import projections
from fleet.eventstore.chain import first_break
from fleet.eventstore.store import read_stream
from resets.codes import CodeKey
from tests.api.client import Api, api_of
from tests.cast import Cast, cast
from tests.security.world import a_device

pytestmark = pytest.mark.django_db(transaction=True)

CLIENTS = 16


class Race:
    """One reset of one device, and sixteen clients of Tess's."""

    def __init__(self) -> None:
        self.who: Cast = cast()
        self.device = a_device(self.who, self.who.site, 1)
        self.apis = [api_of(self.who.tess) for _ in range(CLIENTS)]
        self.reset = ""

    def at_once(self, act: Callable[[Api, int], Any]) -> list[tuple[int, dict[str, Any]]]:
        """What sixteen calls, begun together, were answered."""
        start = Barrier(CLIENTS, timeout=30)

        def one(number: int) -> tuple[int, dict[str, Any]]:
            try:
                start.wait()
                answer = act(self.apis[number], number)
                return answer.status_code, answer.json()
            finally:
                connection.close()

        with ThreadPoolExecutor(CLIENTS) as pool:
            return list(pool.map(one, range(CLIENTS)))

    def step(self, name: str, bodies: Callable[[int], Any] = lambda number: None) -> Any:
        return self.at_once(lambda api, n: api.post(f"resets/{self.reset}/{name}/", bodies(n)))

    def begin(self) -> None:
        begun = self.apis[0].post(f"devices/{self.device}/resets/", {"reason": "Lost"})
        self.reset = begun.json()["id"]

    def send(self) -> None:
        assert self.apis[0].post(f"resets/{self.reset}/send-code/").status_code == 200

    @property
    def code(self) -> str:
        return CodeKey(settings.REKEY_CODE_KEY).code(UUID(self.reset), 1, 8)

    @property
    def wrong(self) -> str:
        return str((int(self.code) + 1) % 10**8).zfill(8)

    def happened(self, name: str) -> list[Any]:
        found = [r.event for r in read_stream(UUID(self.reset)) if r.type == f"resets.{name}"]
        assert first_break(read_stream(UUID(self.reset))) is None
        return found


@pytest.fixture
def race(transactional_db: None) -> Race:
    return Race()


def codes(answers: list[tuple[int, dict[str, Any]]]) -> Counter[tuple[int, str]]:
    return Counter((status, body.get("code", "")) for status, body in answers)


def test_one_of_sixteen_begins_a_reset(race: Race) -> None:
    answers = race.at_once(
        lambda api, n: api.post(f"devices/{race.device}/resets/", {"reason": f"Lost {n}"})
    )
    assert codes(answers) == {(201, ""): 1, (409, "reset_open_already"): CLIENTS - 1}
    assert len(race.apis[0].all("resets/")) == 1


def test_one_of_sixteen_sends_a_code(race: Race) -> None:
    race.begin()
    assert codes(race.step("send-code")) == {(200, ""): 1, (429, "too_soon"): CLIENTS - 1}
    assert [issued.send for issued in race.happened("code_issued")] == [1]


def test_sixteen_wrong_codes_cost_five_tries(race: Race) -> None:
    race.begin()
    race.send()
    answers = race.step("verify-code", lambda n: {"code": race.wrong})
    assert codes(answers) == {(422, "wrong_code"): 4, (422, "code_burned"): CLIENTS - 4}
    told = sorted((body["tries_left"] for _, body in answers), reverse=True)
    assert told == [4, 3, 2, 1] + [0] * (CLIENTS - 4)
    assert [r.tries_left for r in race.happened("code_rejected")] == [4, 3, 2, 1, 0]
    burned = race.apis[0].post(f"resets/{race.reset}/verify-code/", {"code": race.code})
    assert burned.json()["code"] == "code_burned"


def test_the_right_code_counts_once_among_wrong_ones(race: Race) -> None:
    race.begin()
    race.send()
    right = {3, 7, 11, 15}
    answers = race.step("verify-code", lambda n: {"code": race.code if n in right else race.wrong})
    rejected, verified = race.happened("code_rejected"), race.happened("code_verified")
    assert [r.tries_left for r in rejected] == list(range(4, 4 - len(rejected), -1))
    assert sum(status == 200 for status, _ in answers) == len(verified) <= 1
    if not verified:
        assert len(rejected) == 5
    wrong = codes(answers)[(422, "wrong_code")]
    assert wrong == (len(rejected) if verified else 4)
    assert {status for status, _ in answers} <= {200, 409, 422}


def test_one_of_sixteen_chooses_the_password(race: Race) -> None:
    race.begin()
    race.send()
    api = race.apis[0]
    assert api.post(f"resets/{race.reset}/verify-code/", {"code": race.code}).status_code == 200
    kept = Secret.objects.count()
    answers = race.step(
        "choose-password", lambda n: {"password": f"Chosen-by-{n}"} if n % 2 else None
    )
    assert codes(answers) == {(200, ""): 1, (409, "password_chosen"): CLIENTS - 1}
    assert len(race.happened("password_typed") + race.happened("password_generated")) == 1
    assert Secret.objects.count() == kept + 1
    assert list(projections.differences()) == []


def test_sixteen_who_do_whatever_they_like_leave_one_true_story(race: Race) -> None:
    race.begin()
    race.send()
    paths = ("verify-code", "cancel-reset", "choose-password", "send-code")
    answers = race.at_once(
        lambda api, n: api.post(
            f"resets/{race.reset}/{paths[n % 4]}/", {"code": race.code} if n % 4 == 0 else None
        )
    )
    assert {status for status, _ in answers} <= {200, 409, 422, 429}
    taken = Counter(r.type for r in read_stream(UUID(race.reset)))
    for once in ("code_verified", "reset_cancelled", "password_generated", "code_issued"):
        assert taken[f"resets.{once}"] <= 1
    assert sum(status == 200 for status, _ in answers) == sum(taken.values()) - 2
    assert list(projections.differences()) == []


def test_one_account_is_made_for_somebody_new(race: Race) -> None:
    alice = api_of(race.who.alice)
    body = {"email": "nora@example.com", "name": "Nora", "role": "viewer"}
    answers = race.at_once(lambda api, n: Api(alice.token).post("roles/", body))
    assert codes(answers).keys() <= {
        (201, ""),
        (409, "account_made_already"),
        (409, "has_role_already"),
    }
    # Who gives the role may be another than who makes the account, and hands its password over.
    assert sum(status == 201 for status, _ in answers) in (1, 2)
    assert [role["name"] for role in alice.all("roles/")].count("Nora") == 1


def test_one_of_sixteen_with_the_same_key_is_carried_out() -> None:
    alice = api_of(cast().alice)
    key = {"Idempotency-Key": "ticket 4711"}
    start = Barrier(CLIENTS, timeout=30)

    def one(number: int) -> tuple[int, str]:
        try:
            start.wait()
            answer = Api(alice.token).post("sites/", {"name": "Quarry"}, **key)
            return answer.status_code, answer.json().get("code", "")
        finally:
            connection.close()

    with ThreadPoolExecutor(CLIENTS) as pool:
        answers = Counter(pool.map(one, range(CLIENTS)))
    assert answers.keys() <= {(201, ""), (409, "outcome_unknown")}
    assert answers[(201, "")] >= 1
    assert len(alice.all("sites/")) == 2
    assert Api(alice.token).post("sites/", {"name": "Quarry"}, **key).status_code == 201
