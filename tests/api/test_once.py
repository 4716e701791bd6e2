"""A call that is sent again with its Idempotency-Key is not carried out again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.conf import settings
from django.test import Client

from fleet.api.models import KeptAnswer
from resets.codes import CodeKey
from tests.api.client import ROOT, Api, api_of
from tests.cast import Cast
from tests.security.world import PASSWORD, a_device

pytestmark = pytest.mark.django_db

KEY = {"Idempotency-Key": "ticket 4711"}


def camera(who: Cast, **changes: Any) -> dict[str, Any]:
    return {
        "site": str(who.site),
        "kind": "camera",
        "name": "Gate",
        "host": "203.0.113.7",
        "port": 80,
        "username": "admin",
        "password": "correct-horse-7",
        **changes,
    }


def test_a_device_is_added_once(who: Cast, alice: Api) -> None:
    first = alice.post("devices/", camera(who), **KEY)
    again = alice.post("devices/", dict(reversed(camera(who).items())), **KEY)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again["Location"] == first["Location"]
    assert again["Content-Type"] == first["Content-Type"]
    assert again["Idempotency-Replayed"] == "true"
    assert len(alice.all("devices/")) == 1
    [kept] = KeptAnswer.objects.all()
    assert b"correct-horse-7" not in bytes(kept.body) + bytes(kept.call)


def test_a_key_is_for_one_call_of_one_sender(who: Cast, alice: Api) -> None:
    alice.post("devices/", camera(who), **KEY)
    for answer in (
        alice.post("devices/", camera(who, name="Other"), **KEY),
        alice.post("sites/", {"name": "Quarry"}, **KEY),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "key_used_already")
    other = api_of(who.alice).post("sites/", {"name": "Quarry"}, **KEY)
    assert other.status_code == 201


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "schlüssel"])
def test_what_is_no_key(alice: Api, key: str) -> None:
    answer = alice.client.post(
        ROOT + "sites/",
        {"name": "Quarry"},
        content_type="application/json",
        headers={"Idempotency-Key": key},
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "key_malformed")
    assert len(alice.all("sites/")) == 1


def test_a_wrong_code_costs_one_try_however_often_it_is_sent(who: Cast, alice: Api) -> None:
    device = a_device(who, who.site, 1)
    reset = alice.post(f"devices/{device}/resets/", {"reason": "Lost"}, **KEY).json()["id"]
    alice.post(f"resets/{reset}/send-code/")
    right = CodeKey(settings.REKEY_CODE_KEY).code(UUID(reset), 1, 8)
    wrong = {"code": str((int(right) + 1) % 10**8).zfill(8)}
    answers = [
        alice.post(f"resets/{reset}/verify-code/", wrong, **{"Idempotency-Key": "1"})
        for _ in range(3)
    ]
    assert {a.status_code for a in answers} == {422}
    assert {a["Content-Type"] for a in answers} == {"application/problem+json"}
    assert {a.json()["tries_left"] for a in answers} == {4}
    assert alice.get(f"resets/{reset}/").json()["tries_left"] == 4


def test_a_refusal_that_changed_nothing_gives_the_key_free(who: Cast, alice: Api) -> None:
    device = a_device(who, who.site, 1)
    reset = alice.post(f"devices/{device}/resets/", {"reason": "Lost"}).json()["id"]
    alice.post(f"resets/{reset}/send-code/")
    assert alice.post(f"resets/{reset}/send-code/", **KEY).status_code == 429
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=61), tick=True):
        assert alice.post(f"resets/{reset}/send-code/", **KEY).status_code == 200
        assert alice.post(f"resets/{reset}/send-code/", **KEY).status_code == 200
        assert alice.get(f"resets/{reset}/").json()["sends"] == 2


def test_a_password_is_shown_once_and_kept_nowhere(who: Cast, alice: Api) -> None:
    device = a_device(who, who.site, 1)
    address, body = f"devices/{device}/reveal/", {"reason": "A test"}
    assert alice.post(address, {"reason": " "}, **{"Idempotency-Key": "0"}).status_code == 422
    assert alice.post(address, {"reason": " "}, **{"Idempotency-Key": "0"}).status_code == 422
    assert alice.post(address, body, **KEY).json()["password"] == PASSWORD
    again = alice.post(address, body, **KEY)
    assert (again.status_code, again.json()["code"]) == (409, "done_already")
    shown = [e for e in alice.all("events/") if e["type"] == "devices.password_revealed"]
    assert len(shown) == 1
    assert KeptAnswer.objects.get(key=KEY["Idempotency-Key"]).body is None


def test_a_token_is_shown_once_and_kept_nowhere(who: Cast) -> None:
    browser = Client(headers={"Host": "localhost", **KEY})
    browser.force_login(who.alice)
    made, again = (
        browser.post(ROOT + "tokens/", {"name": "x"}, content_type="application/json")
        for _ in range(2)
    )
    assert (made.status_code, again.status_code) == (201, 409)
    assert KeptAnswer.objects.get().body is None


def test_a_call_that_broke_off_is_not_carried_out_again(
    who: Cast, alice: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    from devices import api

    def broken(*arguments: object) -> None:
        raise RuntimeError("the answer got lost")

    with monkeypatch.context() as broken_off:
        broken_off.setattr(api, "_site", broken)
        assert alice.post("sites/", {"name": "Quarry"}, **KEY).status_code == 500
    again = alice.post("sites/", {"name": "Quarry"}, **KEY)
    assert (again.status_code, again.json()["code"]) == (409, "outcome_unknown")
    assert [s["name"] for s in alice.all("sites/")] == ["Harbour", "Quarry"]


def test_a_key_is_good_again_after_a_day(who: Cast, alice: Api) -> None:
    alice.post("sites/", {"name": "Quarry"}, **KEY)
    with time_machine.travel(datetime.now(UTC) + timedelta(hours=24, seconds=1), tick=True):
        assert alice.post("sites/", {"name": "Mill"}, **KEY).status_code == 201
        assert KeptAnswer.objects.count() == 1
