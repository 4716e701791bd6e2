"""Limits that are set by a call: taken as they are, or refused with where they are wrong."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.eventstore.store import last_position
from resets.limits.rules import DEFAULTS
from tests.api.client import Api, api_of
from tests.cast import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]
GUARD = {"counted": "guesses", "scope": "mailbox", "most": 50, "window": 86_400, "trips": False}


@pytest.fixture
def alice(who: Cast) -> Api:
    return api_of(who.alice)


def test_limits_are_set_as_they_are_told(who: Cast, alice: Api) -> None:
    told = alice.post(f"sites/{who.site}/limits/", {"limits": [GUARD]}).json()
    assert (told["own"], told["limits"]) == (True, [GUARD])


@pytest.mark.parametrize(
    ("other", "field", "code"),
    [
        ({"trip": True}, "limits[1].trip", "unknown"),
        ({"a - at `$[0]`": 1}, "limits[1].a - at `$[0]`", "unknown"),
        ({"most": None}, "limits[1].most", "invalid"),
        ({"most": 0}, "limits[1].most", "invalid"),
        ({"scope": "planet"}, "limits[1].scope", "invalid"),
    ],
)
@pytest.mark.parametrize("call", ["limits/", "limits/preview/"])
def test_what_is_wrong_within_one_limit_is_refused_with_its_path_and_changes_nothing(
    who: Cast, alice: Api, call: str, other: dict[str, Any], field: str, code: str
) -> None:
    before = last_position()
    answer = alice.post(f"sites/{who.site}/{call}", {"limits": [GUARD, GUARD | other]})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    [wrong] = answer.json()["errors"]
    assert (wrong["field"], wrong["code"]) == (field, code)
    assert "$" not in wrong["message"], "the path stands in the field"
    assert last_position() == before
    assert len(alice.get(f"sites/{who.site}/limits/").json()["limits"]) == len(DEFAULTS)


def test_what_is_left_out_of_one_limit_is_named(who: Cast, alice: Api) -> None:
    short = {name: value for name, value in GUARD.items() if name != "trips"}
    answer = alice.post(f"sites/{who.site}/limits/", {"limits": [short]})
    assert answer.json()["errors"] == [
        {"field": "limits[0].trips", "code": "required", "message": "This field is required."}
    ]
