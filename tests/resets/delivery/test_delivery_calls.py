"""Mail delivery by the API: the same numbers as the page has, and test mails."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.utils import timezone

from fleet.accounts.access import actor_of
from fleet.accounts.state import Role
from fleet.eventstore.models import EventRow
from resets.delivery import queries
from resets.delivery.queries import Wanted
from resets.state import Delivery
from tests.api.client import Api, api_of
from tests.cast import Cast, work
from tests.fleet.eventstore.ground import device
from tests.resets.delivery.ground import mailed

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

TO = "owner.one@example.com"


@pytest.fixture(autouse=True)
def at_noon() -> Iterator[None]:
    """So that no midnight falls among the mails of one day."""
    with time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=True):
        yield


@pytest.fixture
def alice(who: Cast) -> Api:
    return api_of(who.alice)


def test_the_numbers_are_those_of_the_page(who: Cast, alice: Api) -> None:
    now = timezone.now()
    mailed(who, now - timedelta(minutes=1), "a@x.example", Delivery.HANDED_OVER)
    mailed(who, now, "b@x.example", Delivery.REFUSED, answer="550 unknown")
    mailed(who, now - timedelta(days=2), "a@y.example")
    rows = alice.all("deliveries/", site=str(who.site))
    there = ZoneInfo("Europe/Stockholm")
    groups = queries.groups(actor_of(who.alice), Wanted.last(30, there))
    assert [(r["id"], r["day"], r["domain"], r["mails"]) for r in rows] == [
        (str(g.id), str(g.day), g.domain, g.mails) for g in groups
    ]
    assert rows[0] == {
        "id": str(groups[0].id),
        "day": str(groups[0].day),
        "domain": "x.example",
        "mails": 2,
        "counts": {
            "queued": 0,
            "deferred": 0,
            "handed_over": 1,
            "held_up": 0,
            "refused": 1,
            "delivered": 0,
            "bounced": 0,
            "spam": 0,
        },
        "failed": 1,
        "failure_rate": 0.5,
        "last_answer": "550 unknown",
    }


def test_pages_of_numbers_hold_every_group_once(who: Cast, alice: Api) -> None:
    for n in range(5):
        mailed(who, timezone.now() - timedelta(days=n), f"a@d{n}.example")
    whole = alice.all("deliveries/")
    assert len(whole) == 5
    for limit in (1, 2, 5, 6):
        assert alice.all("deliveries/", limit=limit) == whole
    nowhere = alice.get("deliveries/", cursor=str(uuid4()))
    assert (nowhere.status_code, nowhere.json()["code"]) == (400, "no_such_cursor")


def test_filters_narrow_the_numbers_down(who: Cast, alice: Api) -> None:
    now = timezone.now()
    for days in (1, 10, 40):
        mailed(who, now - timedelta(days=days), f"a@d{days}.example")

    def domains(**query: Any) -> list[str]:
        return [row["domain"] for row in alice.all("deliveries/", **query)]

    assert domains() == ["d1.example", "d10.example"]
    assert domains(domain="D10") == ["d10.example"]
    assert domains(days=50) == ["d1.example", "d10.example", "d40.example"]
    assert domains(days=1) == []
    assert domains(days=2) == ["d1.example"]
    assert domains(until=str((now - timedelta(days=10)).date())) == ["d10.example"]
    assert domains(until=str((now - timedelta(days=11)).date()), days=1) == []
    assert domains(site=str(uuid4())) == []
    for until in ("0001-01-01", "9999-12-31"):
        assert domains(until=until, days=366) == []
    for odd in ({"days": 0}, {"days": 367}, {"until": "yesterday"}, {"until": "2026-02-30"}):
        assert alice.get("deliveries/", **odd).status_code == 400


def test_numbers_are_for_administrators_and_of_their_own_sites(who: Cast) -> None:
    mailed(who, timezone.now(), "a@x.example")
    assert len(api_of(who.alice).all("deliveries/")) == 1
    for api in (api_of(who.bob), api_of(who.tess), api_of(who.charlie)):
        assert api.all("deliveries/") == []
    assert api_of(who.alice, Role.OPERATOR).all("deliveries/") == [], "a lesser token of hers"


def test_a_test_mail_to_a_device_and_what_became_of_it(who: Cast, mail_sink: Any) -> None:
    camera, tess = device(who, reset_email=TO), api_of(who.tess)
    made = tess.post(f"devices/{camera}/test-mail/")
    assert made.status_code == 201
    test = made.json()
    assert (test["delivery"], test["mailbox"], test["device"]) == (
        "queued",
        "o•••e@e•••e.com",
        str(camera),
    )
    work()
    told = tess.get(made["Location"]).json()
    assert (told["delivery"], told["answer"][:3]) == ("handed_over", "250")
    assert tess.all("test-mails/", device=str(camera)) == [told]
    assert api_of(who.charlie).all("test-mails/") == []
    refused = api_of(who.bob).post(f"devices/{camera}/test-mail/")
    assert (refused.status_code, refused.json()["code"]) == (403, "role_too_low")


def test_a_device_without_a_mailbox_has_its_own_refusal(who: Cast, alice: Api) -> None:
    bare = device(who, reset_email="")
    refused = alice.post(f"devices/{bare}/test-mail/")
    assert (refused.status_code, refused.json()["code"]) == (422, "no_reset_email")


def test_an_administrator_names_any_mailbox(who: Cast, alice: Api, mail_sink: Any) -> None:
    body = {"site": str(who.site), "reset_email": TO}
    assert alice.post("test-mails/", body).status_code == 201
    work()
    assert [mail.to for mail in mail_sink.mails()] == [[TO]]
    for api, status in ((api_of(who.tess), 403), (api_of(who.charlie), 404)):
        assert api.post("test-mails/", body).status_code == status
    wrong = alice.post("test-mails/", body | {"reset_email": "a@b\r\nBcc: c@d.example"})
    assert wrong.status_code == 422
    assert wrong.json()["errors"][0]["field"] == "reset_email"


def test_a_limit_of_test_mails_says_when_it_frees(who: Cast, alice: Api) -> None:
    camera = device(who, reset_email=TO)
    for _ in range(3):
        assert alice.post(f"devices/{camera}/test-mail/").status_code == 201
    refused = alice.post(f"devices/{camera}/test-mail/")
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_test_mails")
    assert 3500 < int(refused["Retry-After"]) <= 3600
    other = {"site": str(who.site), "reset_email": "another@example.com"}
    assert alice.post("test-mails/", other).status_code == 201, "counted for each mailbox"


def test_in_the_history_a_viewer_reads_the_mailbox_in_part(who: Cast, alice: Api) -> None:
    alice.post(f"devices/{device(who, reset_email=TO)}/test-mail/")
    asked = {"type": "resets.test_mail_asked"}
    [seen] = api_of(who.bob).all("events/", **asked)
    assert seen["data"]["recipient"] == "o•••e@e•••e.com"
    assert TO not in str(seen)
    [whole] = alice.all("events/", **asked)
    assert whole["data"]["recipient"] == TO
    assert EventRow.everything.filter(data__contains=TO).exists()
