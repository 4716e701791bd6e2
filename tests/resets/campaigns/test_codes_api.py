"""The calls for a campaign's codes."""

from __future__ import annotations

import pytest

from fleet.accounts.state import Role
from tests.api.client import api_of
from tests.cast import Cast
from tests.resets.campaigns.codes_ground import Shared, code_of, shared

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture
def campaign(who: Cast) -> Shared:
    return shared(who)


def test_a_program_sends_and_enters_a_code(who: Cast, campaign: Shared) -> None:
    api, codes = api_of(who.tess), f"campaigns/{campaign.campaign}/codes/"
    listed = {row["mailbox"]: row for row in api.all(codes, limit=1)}
    keeper = listed["keeper@example.com"]
    assert (keeper["devices"], keeper["waiting"], keeper["may_send_from"]) == (3, 3, None)
    assert listed["porter@example.net"]["devices"] == 1

    one = f"{codes}{keeper['id']}/"
    sent = api.post(f"{one}send/")
    assert sent.status_code == 200, sent.content
    assert (sent.json()["sends"], sent.json()["delivery"]) == (1, "queued")
    soon = api.post(f"{one}send/")
    assert (soon.status_code, soon.json()["code"]) == (429, "too_soon")
    assert int(soon["Retry-After"]) <= 61
    wrong = api.post(f"{one}enter/", {"code": "00000000"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "wrong_code")
    right = api.post(f"{one}enter/", {"code": code_of(campaign.keeper)})
    assert right.json()["verified"] is True
    assert [row["id"] for row in api.all(codes, verified="true")] == [keeper["id"]]
    assert code_of(campaign.keeper) not in api.get(one).content.decode()


def test_viewers_see_mailboxes_in_part_and_outsiders_see_none(who: Cast, campaign: Shared) -> None:
    codes = f"campaigns/{campaign.campaign}/codes/"
    seen = api_of(who.bob).get(codes)
    assert {row["mailbox"] for row in seen.json()["results"]} == {
        "k•••r@e•••e.com",
        "p•••r@e•••e.net",
    }
    assert api_of(who.charlie).get(codes).status_code == 404
    for call, body in (("send", None), ("enter", {"code": "1"})):
        address = f"{codes}{campaign.keeper}/{call}/"
        assert api_of(who.bob).post(address, body).status_code == 403
        assert api_of(who.charlie).post(address, body).status_code == 404


def test_a_token_counts_for_its_person(who: Cast, campaign: Shared) -> None:
    """Tess had it sent herself; her program may enter it, that of Alice may not."""
    campaign.send()
    address = f"campaigns/{campaign.campaign}/codes/{campaign.keeper}/enter/"
    body = {"code": code_of(campaign.keeper)}
    theirs = api_of(who.alice).post(address, body)
    assert (theirs.status_code, theirs.json()["code"]) == (403, "not_your_code")
    assert api_of(who.tess, Role.TECHNICIAN).post(address, body).json()["verified"] is True
