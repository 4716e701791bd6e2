"""Calls for proposed mailboxes: all that the console can do, with tokens."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from fleet.accounts.state import Role
from tests.api.client import Api, api_of
from tests.cast import Cast, person
from tests.fleet.eventstore.ground import device
from tests.resets.mailboxes.ground import NEW, NEW_SHOWN, OLD, OLD_SHOWN, REASON, work

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

WANTED = {"reset_email": NEW, "reason": REASON}


@pytest.fixture
def gate(who: Cast) -> UUID:
    return device(who)


@pytest.fixture
def tess(who: Cast) -> Api:
    return api_of(who.tess)


def propose(api: Api, gate: UUID, **other: str) -> Any:
    return api.post(f"devices/{gate}/mailboxes/", WANTED | other)


def test_a_mailbox_is_proposed_and_agreed_to_by_two_tokens(
    who: Cast, gate: UUID, tess: Api, alice: Api, mail_sink: Any
) -> None:
    made = propose(tess, gate)
    assert made.status_code == 201
    change = made.json()
    assert made["Location"] == f"/api/v1/mailboxes/{change['id']}/"
    assert (change["old_email"], change["reset_email"], change["stage"]) == (OLD, NEW, "proposed")
    assert (change["device"], change["site"], change["open"]) == (str(gate), str(who.site), True)
    assert (change["proposer"], change["domain"]) == ("Tess", "not_asked")

    own = tess.post(f"mailboxes/{change['id']}/approve-mailbox/", {"digest": change["digest"]})
    assert own.status_code == 403
    address = f"mailboxes/{change['id']}/approve-mailbox/"
    other = alice.post(address, {"digest": "0" * 64})
    assert (other.status_code, other.json()["code"]) == (409, "digest_differs")
    agreed = alice.post(address, {"digest": change["digest"]})
    assert (agreed.status_code, agreed.json()["stage"]) == (200, "approved")
    late = alice.post(address, {"digest": change["digest"]})
    assert (late.status_code, late.json()["code"]) == (409, "nothing_to_approve")
    work()
    assert alice.get(f"mailboxes/{change['id']}/").json()["stage"] == "changed"
    assert alice.get(f"devices/{gate}/").json()["reset_email"] == NEW
    told = [event["sentence"] for event in alice.all("events/", device=str(gate))]
    assert any("Alice (tests) agreed" in sentence for sentence in told)


@pytest.mark.parametrize(
    ("other", "status", "code"),
    [
        ({"reset_email": ""}, 422, "mailbox_missing"),
        ({"reset_email": "keeper"}, 422, "mailbox_malformed"),
        ({"reset_email": f"{NEW},{OLD}"}, 422, "mailbox_several"),
        ({"reset_email": f"{NEW}\nBcc: {OLD}"}, 422, "mailbox_unprintable"),
        ({"reset_email": f"{'k' * 65}@example.net"}, 422, "mailbox_too_long"),
        ({"reset_email": f"k@{'example.' * 60}net"}, 422, "mailbox_too_long"),
        ({"reset_email": "keeper@gone.invalid"}, 422, "mailbox_unreachable"),
        ({"reset_email": OLD}, 422, "mailbox_unchanged"),
        ({"reason": " "}, 422, "reason_missing"),
        ({"domain": "takes_mail"}, 400, "invalid"),
    ],
)
def test_each_mistake_has_its_code(
    gate: UUID, tess: Api, other: dict[str, str], status: int, code: str
) -> None:
    answer = propose(tess, gate, **other)
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.content
    if status == 422:
        [error] = answer.json()["errors"]
        assert error["field"] == next(iter(other))


def test_a_second_proposal_for_a_device_is_a_conflict(gate: UUID, tess: Api, alice: Api) -> None:
    propose(tess, gate)
    answer = propose(alice, gate)
    assert (answer.status_code, answer.json()["code"]) == (409, "mailbox_proposed_already")


def test_it_is_declined_or_taken_back(who: Cast, gate: UUID, tess: Api, alice: Api) -> None:
    first = propose(tess, gate).json()["id"]
    answer = alice.post(f"mailboxes/{first}/decline-mailbox/", {"reason": "Who is that?"})
    assert (answer.json()["stage"], answer.json()["answer"]) == ("declined", "Who is that?")
    second = propose(tess, gate).json()["id"]
    theirs = alice.post(f"mailboxes/{second}/withdraw-mailbox/")
    assert (theirs.status_code, theirs.json()["code"]) == (403, "not_your_proposal")
    assert tess.post(f"mailboxes/{second}/withdraw-mailbox/").json()["stage"] == "withdrawn"


def test_a_person_and_their_token_are_one_also_here(who: Cast, gate: UUID, alice: Api) -> None:
    change = propose(alice, gate).json()
    again = api_of(who.alice)  # another token of hers
    answer = again.post(f"mailboxes/{change['id']}/approve-mailbox/", {"digest": change["digest"]})
    assert (answer.status_code, answer.json()["code"]) == (403, "own_request")


def test_viewers_are_told_a_part_and_no_digest_to_try_mailboxes_against(
    who: Cast, gate: UUID, tess: Api
) -> None:
    change = propose(tess, gate).json()
    for api in (api_of(who.bob), api_of(who.alice, Role.VIEWER)):
        for told in (api.get(f"mailboxes/{change['id']}/").json(), api.all("mailboxes/")[0]):
            assert (told["old_email"], told["reset_email"]) == (OLD_SHOWN, NEW_SHOWN)
            assert told["digest"] == ""
        [event] = api.all("events/", type="resets.mailbox_proposed")
        assert (event["data"]["old_email"], event["data"]["reset_email"]) == (OLD_SHOWN, NEW_SHOWN)
        assert change["digest"] not in str(event)
    assert api_of(who.charlie).get(f"mailboxes/{change['id']}/").status_code == 404


def test_the_list_has_filters_and_pages(who: Cast, tess: Api, alice: Api) -> None:
    gates = [device(who, name=f"Gate {n}") for n in range(3)]
    made = [propose(tess, one).json()["id"] for one in gates]
    tess.post(f"mailboxes/{made[0]}/withdraw-mailbox/")
    assert [one["id"] for one in alice.all("mailboxes/", limit=1)] == made[::-1]
    for given, expected in (
        ({"open": "true"}, made[1:]),
        ({"stage": "withdrawn"}, made[:1]),
        ({"device": str(gates[2])}, made[2:]),
        ({"site": str(who.site)}, made),
        ({"q": "gate 1"}, made[1:2]),
        ({"q": "keeper@"}, []),
    ):
        found = alice.all("mailboxes/", **given)
        assert sorted(one["id"] for one in found) == sorted(expected), given
    assert api_of(who.charlie).all("mailboxes/") == []


def test_it_stands_among_the_approvals(who: Cast, gate: UUID, tess: Api, alice: Api) -> None:
    change = propose(tess, gate).json()["id"]
    assert [(w["kind"], w["id"]) for w in alice.all("approvals/")] == [("mailbox", change)]
    assert [w["id"] for w in tess.all("approvals/", own="true")] == [change]
    assert tess.all("approvals/") == []
    dora = api_of(person("Dora", who.organisation, Role.ADMINISTRATOR, who.site))
    assert [w["id"] for w in dora.all("approvals/", kind="mailbox")] == [change]
