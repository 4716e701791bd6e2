"""Calls for campaigns: all that the console can do, with tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from fleet.accounts.state import Role
from tests.api.client import Api, api_of
from tests.cast import Cast, person, work
from tests.fleet.eventstore.ground import device as a_device
from tests.resets.campaigns import ground

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture
def alice(who: Cast) -> Api:
    return api_of(who.alice)


def wanted(who: Cast, **other: Any) -> dict[str, Any]:
    told = {
        "place": str(who.site),
        "kind": "reset",
        "name": "After the break-in",
        "reason": "Nobody knows who has the passwords",
        "ends_at": (timezone.now() + timedelta(days=2)).isoformat(),
    }
    return told | other


def plan(api: Api, who: Cast, **other: Any) -> Any:
    return api.post("campaigns/", wanted(who, **other))


def planned(api: Api, who: Cast, **other: Any) -> dict[str, Any]:
    made = plan(api, who, **other)
    assert made.status_code == 201, made.content
    work()
    found: dict[str, Any] = api.get(made["Location"]).json()
    return found


def test_a_campaign_is_planned_looked_at_and_agreed_to_by_two_tokens(
    who: Cast, alice: Api, cameras: list[UUID]
) -> None:
    settings = {"canary": 1, "window": {"days": [0, 6], "opens": "22:00", "closes": "05:00"}}
    made = plan(alice, who, settings=settings, selection={"status": "not_checked"})
    assert made.status_code == 201
    campaign = made.json()
    assert made["Location"] == f"/api/v1/campaigns/{campaign['id']}/"
    assert (campaign["phase"], campaign["steps"]) == ("drawing_up", [])
    work()

    ada = api_of(ground.second(who))
    shown = ada.get(made["Location"]).json()
    assert (shown["phase"], shown["chosen"], shown["planned"]) == ("awaiting_approval", 3, 2)
    assert shown["counts"]["waiting"], shown["counts"]["left_out"] == (2, 1)
    assert [(one["name"], one["counts"]["waiting"]) for one in shown["sites"]] == [("Harbour", 2)]
    assert [(one["key"], one["counts"]["left_out"]) for one in shown["reasons"]] == [
        ("no_mailbox", 1)
    ]
    assert shown["settings"]["window"] == settings["window"]
    assert shown["settings"]["at_once"] == 20
    assert shown["selection"]["status"] == "not_checked"
    assert alice.get(made["Location"]).json()["digest"] is None

    items = ada.all(f"campaigns/{campaign['id']}/items/", limit=2)
    assert [one["number"] for one in items] == [1, 2, 3]
    assert {one["forecast"] for one in items} == {"", "no_mailbox"}
    [left_out] = ada.all(f"campaigns/{campaign['id']}/items/", standing="left_out")
    assert (left_out["device_name"], left_out["why"]) == ("Yard", "no_mailbox")
    assert len(ada.all(f"campaigns/{campaign['id']}/items/", forecast="none")) == 2
    assert ada.all(f"campaigns/{campaign['id']}/items/", site=str(uuid4())) == []

    step = f"campaigns/{campaign['id']}/approve-campaign/"
    own = alice.post(step, {"digest": shown["digest"]})
    assert (own.status_code, own.json()["code"]) == (403, "own_request")
    other = ada.post(step, {"digest": "0" * 64})
    assert (other.status_code, other.json()["code"]) == (409, "digest_differs")
    agreed = ada.post(step, {"digest": shown["digest"]})
    assert (agreed.status_code, agreed.json()["phase"]) == (200, "running")
    assert agreed.json()["approver"].startswith("Ada")
    late = ada.post(step, {"digest": shown["digest"]})
    assert (late.status_code, late.json()["code"]) == (409, "campaign_stands_elsewhere")


def test_it_is_steered_and_single_devices_are_taken_out(
    who: Cast, alice: Api, cameras: list[UUID]
) -> None:
    campaign = planned(alice, who)
    address = f"campaigns/{campaign['id']}/"
    ada = api_of(ground.second(who))
    ada.post(f"{address}approve-campaign/", {"digest": ada.get(address).json()["digest"]})
    offered = {step["name"] for step in alice.get(address).json()["steps"]}
    assert offered == {"pause-campaign", "set-pace", "cancel-campaign"}
    assert alice.post(f"{address}pause-campaign/").json()["phase"] == "paused"
    faster = alice.post(f"{address}set-pace/", {"pace": 60, "at_once": 5}).json()
    assert (faster["settings"]["pace"], faster["settings"]["at_once"]) == (60, 5)
    assert alice.post(f"{address}resume-campaign/", {"stop_share": 50}).json()["phase"] == "running"

    item = alice.all(f"{address}items/", standing="waiting")[0]
    step = f"{address}items/{item['id']}/"
    assert alice.get(step).json() == item
    taken = alice.post(f"{step}take-out/").json()
    assert (taken["standing"], taken["why"]) == ("left_out", "taken_out")
    again = alice.post(f"{step}take-out/")
    assert (again.status_code, again.json()["code"]) == (409, "item_begun")
    retried = alice.post(f"{step}retry-item/")
    assert (retried.status_code, retried.json()["code"]) == (409, "item_not_failed")
    none = alice.post(f"{address}retry-failed/")
    assert (none.status_code, none.json()["code"]) == (422, "nothing_failed")
    elsewhere = planned(alice, who, selection={"devices": [str(a_device(who))]})
    odd = alice.post(f"campaigns/{elsewhere['id']}/items/{item['id']}/take-out/")
    assert odd.status_code == 404
    assert alice.post(f"{address}cancel-campaign/").json()["phase"] == "ending"


@pytest.mark.parametrize(
    ("other", "status", "code"),
    [
        ({"name": " "}, 422, "name_missing"),
        ({"name": "Spring\nclean"}, 422, "name_unprintable"),
        ({"reason": " "}, 422, "reason_missing"),
        ({"ends_at": "2020-01-01T00:00:00Z"}, 422, "end_in_the_past"),
        ({"ends_at": "2120-01-01T00:00:00Z"}, 422, "end_too_far"),
        ({"selection": {"text": "no such device"}}, 422, "no_device_chosen"),
        ({"selection": {"text": "Gate\nnorth"}}, 422, "text_unprintable"),
        ({"selection": {"older_than": -1}}, 422, "age_out_of_bounds"),
        ({"settings": {"canary": 101}}, 422, "setting_out_of_bounds"),
        ({"settings": {"at_once": 0}}, 422, "setting_out_of_bounds"),
        ({"settings": {"window": {"days": [7]}}}, 422, "window_days_wrong"),
        ({"settings": {"window": {"days": [1], "opens": "25:00"}}}, 422, "window_time_wrong"),
        ({"settings": {"window": {"days": [1]}}}, 422, "window_never_opens"),
        ({"kind": "something"}, 400, "invalid"),
        ({"selection": {"colour": "red"}}, 400, "invalid"),
        ({"selection": {"text": "\0"}}, 400, "invalid"),
        ({"settings": {"canary": 2**40}}, 400, "invalid"),
        ({"planner": "Mallory"}, 400, "invalid"),
        ({"place": str(uuid4())}, 404, "not_found"),
    ],
)
def test_each_mistake_has_its_code(
    who: Cast, alice: Api, cameras: list[UUID], other: dict[str, Any], status: int, code: str
) -> None:
    answer = plan(alice, who, **other)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    assert alice.all("campaigns/") == []


def test_a_place_that_is_not_there_or_not_seen_is_named_with_its_field(
    who: Cast, alice: Api, cameras: list[UUID]
) -> None:
    schedule = {
        "name": "Quarterly", "reason": "It is time", "every": "months", "number": 3,
        "first": f"{timezone.now():%Y-%m-%d}", "lasting": 48,
    }  # fmt: skip
    said = "There is no such site or organisation. Check what you sent."
    dora = api_of(person("Dora", who.organisation, Role.ADMINISTRATOR, uuid4()))
    for api, place in ((alice, uuid4()), (dora, who.site), (dora, who.organisation)):
        for answer in (
            plan(api, who, place=str(place)),
            api.post("schedules/", schedule | {"place": str(place)}),
        ):
            told = answer.json()
            assert (answer.status_code, told["code"], told["detail"]) == (404, "not_found", said)
            assert told["errors"] == [{"field": "place", "code": "not_found", "message": said}]


def test_a_window_that_opens_after_the_end_is_refused(
    who: Cast, alice: Api, cameras: list[UUID]
) -> None:
    tomorrow = (timezone.now() + timedelta(days=3)).weekday()
    window = {"days": [tomorrow], "opens": "02:00", "closes": "03:00"}
    ends_at = (timezone.now() + timedelta(hours=1)).isoformat()
    late = plan(alice, who, ends_at=ends_at, settings={"window": window})
    assert (late.status_code, late.json()["code"]) == (422, "window_after_end")


def test_campaigns_are_narrowed_down(who: Cast, alice: Api, cameras: list[UUID]) -> None:
    one = planned(alice, who)
    two = planned(alice, who, kind="rotation", name="Quarterly")  # none is known: nothing to do
    assert (two["phase"], two["why"]) == ("ended", "empty")
    for asked, found in (
        ({}, [two["id"], one["id"]]),
        ({"kind": "reset"}, [one["id"]]),
        ({"phase": "ended"}, [two["id"]]),
        ({"open": "true"}, [one["id"]]),
        ({"q": "quarterly"}, [two["id"]]),
        ({"q": "alice break"}, [one["id"]]),
        ({"site": str(who.site)}, [two["id"], one["id"]]),
        ({"site": str(uuid4())}, []),
    ):
        assert [row["id"] for row in alice.all("campaigns/", **asked)] == found, asked


def test_a_campaign_over_all_sites_shows_who_sees_but_one_its_devices_alone(
    who: Cast, alice: Api, cameras: list[UUID]
) -> None:
    campaign = planned(alice, who, place=str(who.organisation))
    assert campaign["site"] is None
    dora = api_of(person("Dora", who.organisation, Role.ADMINISTRATOR, who.site))
    address = f"campaigns/{campaign['id']}/"
    assert dora.get(address).status_code == 404
    assert dora.all("campaigns/") == []
    assert len(dora.all(f"{address}items/")) == 3
    refused = plan(dora, who, place=str(who.organisation))
    assert refused.status_code == 404


def test_viewers_look_and_see_no_whole_mailbox_and_charlie_sees_nothing(
    who: Cast, alice: Api, cameras: list[UUID]
) -> None:
    campaign = planned(alice, who)
    address = f"campaigns/{campaign['id']}/"
    bob, charlie = api_of(who.bob), api_of(who.charlie)
    shown = bob.get(address).json()
    assert shown["digest"] is None
    assert "owner@example.com" not in str(bob.all(f"{address}items/"))
    assert "owner@example.com" in str(alice.all(f"{address}items/"))
    for step in ("approve-campaign/", "cancel-campaign/", "retry-failed/"):
        body = {"digest": "0"} if step.startswith("approve") else None
        assert bob.post(address + step, body).status_code in (403, 422)
    for path in (address, f"{address}items/"):
        unknown = path.replace(campaign["id"], str(uuid4()))
        assert charlie.get(path).content == charlie.get(unknown).content
    assert charlie.all("campaigns/") == []
    assert plan(bob, who).status_code == 403
    assert plan(charlie, who).status_code == 404
