"""What goes wrong is told as problem details; bad input is never the server's own error."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
import pytest
from django.test import Client

from tests.api.client import ROOT, Api, api_of
from tests.cast import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

UNKNOWN = UUID("018f0000-0000-7000-8000-000000000001")


def told(answer: Any, status: int, code: str) -> dict[str, Any]:
    assert answer["Content-Type"] == "application/problem+json", answer.content
    problem = answer.json()
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["type"] == f"urn:rekey:problem:{code}"
    assert problem["title"]
    assert problem["detail"]
    return problem


def fields(answer: Any) -> dict[str, str]:
    return {e["field"]: e["code"] for e in told(answer, 400, "invalid")["errors"]}


@pytest.mark.parametrize(
    "address",
    ["", "nothing/", "devices", "devices/7/", "devices/not-a-uuid/", f"devices/{UNKNOWN}/open/"],
)
def test_an_address_that_is_none(who: Cast, alice: Api, address: str) -> None:
    told(alice.get(address), 404, "not_found")
    told(alice.post(address, {}), 404, "not_found")


def test_a_method_that_there_is_not(alice: Api) -> None:
    for answer in (alice.client.delete(ROOT + "devices/"), alice.client.options(ROOT + "devices/")):
        told(answer, 405, "method_not_allowed")
        assert answer["Allow"] == "GET, POST, HEAD"


def test_an_answer_that_rekey_cannot_give(alice: Api) -> None:
    told(alice.client.get(ROOT + "me/", headers={"Accept": "text/html"}), 406, "not_acceptable")


def test_nobody_is_asked_who_they_are() -> None:
    answer = Api().get("me/")
    told(answer, 401, "not_authenticated")
    assert answer["WWW-Authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer x", "Bearer rk_1_2", "Bearer rk__", f"Bearer rk_{UNKNOWN.hex}_\xff"],
)
def test_a_token_that_is_none(authorization: str) -> None:
    client = Client(headers={"Host": "localhost", "Authorization": authorization})
    told(client.get(ROOT + "me/"), 401, "token_unknown")


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b'{"name": }',
        b'{"name": "\xff"}',
        b'{"name": "\\ud800"}',
        b"[" * 100_000,
        b'{"name": NaN}',
        b"\x00",
    ],
)
def test_what_is_not_json(alice: Api, body: bytes) -> None:
    answer = alice.client.post(ROOT + "sites/", body, content_type="application/json")
    problem = told(answer, 400, "not_json")
    assert "column" in problem["detail"]


def test_another_kind_of_body(alice: Api) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        answer = alice.client.post(ROOT + "sites/", b"name=x", content_type=kind)
        told(answer, 415, "unsupported_media_type")


def test_too_much_of_it(alice: Api) -> None:
    answer = alice.post("sites/", {"name": "x" * 1_000_001})
    told(answer, 413, "too_large")


@pytest.mark.parametrize("body", [[], "text", 1, None, True])
def test_json_that_is_no_object(alice: Api, body: Any) -> None:
    answer = alice.client.post(ROOT + "sites/", orjson.dumps(body), content_type="application/json")
    assert fields(answer) == {"": "not_an_object"}


def test_every_wrong_field_is_named(who: Cast, alice: Api) -> None:
    answer = alice.post(
        "devices/",
        {
            "site": "here",
            "kind": "toaster",
            "name": "x" * 201,
            "host": "a\0b",
            "port": "80",
            "username": None,
            "channel": 1.5,
            "colour": "red",
        },
    )
    assert fields(answer) == {
        "site": "invalid",
        "kind": "invalid",
        "name": "invalid",
        "host": "invalid",
        "port": "invalid",
        "username": "invalid",
        "channel": "invalid",
        "password": "required",
        "colour": "unknown",
    }


@pytest.mark.parametrize("number", [-1, 0, 65_536, 2**31, 2**63, 2**64, 10**30, 1e300])
def test_numbers_out_of_every_range(who: Cast, alice: Api, number: float) -> None:
    nvr = {
        "site": str(who.site),
        "kind": "nvr",
        "name": "Recorder",
        "host": "203.0.113.1",
        "port": 80,
        "username": "admin",
        "password": "correct-horse-1",
    }
    made = alice.post("devices/", nvr).json()["id"]
    camera = nvr | {"kind": "camera", "host": "203.0.113.2", "nvr": made, "channel": 1}
    for field in ("port", "channel"):
        answer = alice.post("devices/", camera | {field: number})
        assert answer.status_code in (400, 422), answer.content
        assert [e["field"] for e in answer.json()["errors"]] == [field]
    assert alice.post("devices/", camera).status_code == 201


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=99999999999999999999999", "limit"),
        ("limit=many", "limit"),
        ("cursor=7", "cursor"),
        ("cursor=%00", "cursor"),
        ("type=%00", "type"),
        ("since=yesterday", "since"),
        ("since=0.5", "since"),
        ("since=2026-01-01T00:00:00", "since"),
        ("since=0001-01-01T00:00:00%2B23:59", "since"),
        ("until=9999-12-31T23:59:59-23:59", "until"),
        ("device=%ff", "device"),
        ("sit=x", "sit"),
        ("site=a&site=b", "site"),
        ("format=xml", "format"),
    ],
)
def test_a_wrong_filter_is_named(alice: Api, query: str, field: str) -> None:
    assert list(fields(alice.client.get(f"{ROOT}events/?{query}"))) == [field]


def test_dates_at_the_ends_of_time_are_taken(alice: Api) -> None:
    assert alice.all("events/", since="9999-12-31T23:59:59Z") == []
    assert alice.all("events/", until="0001-01-01T00:00:00Z") == []


def test_what_the_rules_refuse_names_its_field(alice: Api) -> None:
    problem = told(alice.post("sites/", {"name": " "}), 422, "name_missing")
    assert problem["errors"] == [
        {"field": "name", "code": "name_missing", "message": "Give the site a name."}
    ]


def test_an_error_of_ours_is_told_without_a_word_about_it(
    alice: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    from devices import queries

    def broken(actor: object) -> None:
        raise RuntimeError("a secret inside")

    monkeypatch.setattr(queries, "sites", broken)
    problem = told(alice.get("sites/"), 500, "internal")
    assert "secret" not in str(problem)


def test_a_signed_in_browser_needs_a_csrf_token(who: Cast) -> None:
    client = Client(headers={"Host": "localhost"}, enforce_csrf_checks=True)
    client.force_login(who.alice)
    assert client.get(ROOT + "me/").json()["kind"] == "person"
    answer = client.post(ROOT + "sites/", {"name": "x"}, content_type="application/json")
    assert "CSRF" in told(answer, 403, "permission_denied")["detail"]


def test_a_browser_shows_passwords_only_right_after_signing_in(
    who: Cast, alice: Api, settings: Any
) -> None:
    who.alice.set_password("correct-horse-1-battery")
    who.alice.save()
    from tests.security.world import a_device

    device = a_device(who, who.site, 1)
    client = Client(headers={"Host": "localhost"})
    client.force_login(who.alice)
    address, body = f"{ROOT}devices/{device}/reveal/", {"reason": "A test"}
    told(client.post(address, body, content_type="application/json"), 403, "sign_in_again")
    shown = api_of(who.alice).post(f"devices/{device}/reveal/", body)
    assert shown.json()["password"] == "correct-horse-1-battery"
    unknown = api_of(who.alice).post(f"devices/{device}/reveal/", body | {"username": "root"})
    assert told(unknown, 404, "not_found")
