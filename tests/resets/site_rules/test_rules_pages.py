"""The pages and calls of a site's rules: who sees them, who sets them, what is refused where."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from fleet.accounts.access import actor_of
from fleet.errors import Forbidden, NotFound
from fleet.eventstore.handling import handle
from fleet.eventstore.models import EventRow
from resets.rules import CodeRules, rules_id
from resets.steps.site_rules import SetCodeRules
from resets.supplies import rules_of
from tests.api.client import api_of
from tests.cast import Cast
from tests.fleet.eventstore.ground import device, reset
from tests.resets.approvals.asking import dora, now

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

CODES = {"digits": 6, "valid": 300, "tries": 3, "between_sends": 90, "sends": 2, "open_for": 1200}
PAGES = ["code-rules", "approval-rules", "password-rules"]


@pytest.fixture
def pages(who: Cast) -> Any:
    def of(person: Any) -> Client:
        client = Client()
        client.force_login(person)
        return client

    return of


def text(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def test_an_administrator_sets_how_codes_are(who: Cast, pages: Any) -> None:
    alice, address = pages(who.alice), reverse("code-rules", args=[who.site])
    before = alice.get(address)
    assert 'value="8"' in before.content.decode(), "the present ones stand in the form"
    assert "60 to 600 seconds." in text(before)
    kept = alice.post(address, CODES, follow=True)
    assert "These rules hold for resets that begin from now on." in text(kept)
    assert rules_of(who.site).codes == CodeRules(**CODES)
    assert 'value="90"' in alice.get(address).content.decode()
    assert now(reset(who, device(who))).rules == CodeRules(**CODES)


def test_a_reset_under_way_keeps_the_rules_it_began_with(who: Cast, pages: Any) -> None:
    stream = reset(who, device(who))
    pages(who.alice).post(reverse("code-rules", args=[who.site]), CODES)
    assert now(stream).rules == CodeRules()


def test_what_is_out_of_bounds_is_said_at_its_field(who: Cast, pages: Any) -> None:
    alice, address = pages(who.alice), reverse("code-rules", args=[who.site])
    refused = alice.post(address, CODES | {"digits": 4})
    assert refused.status_code == 422
    assert "Digits: Between 6 and 8, please" in text(refused)
    assert 'href="#id_digits"' in refused.content.decode()
    assert rules_of(who.site).codes == CodeRules()
    assert alice.post(address, CODES | {"valid": "soon"}).status_code == 422


def test_an_administrator_sets_when_somebody_has_to_agree(who: Cast, pages: Any) -> None:
    alice, address = pages(who.alice), reverse("approval-rules", args=[who.site])
    assert "There is one administrator alone" in text(alice.get(address))
    dora(who)
    assert "There is one administrator alone" not in text(alice.get(address))
    alice.post(address, {"nvrs": "on", "night_from": 22, "night_to": 6, "valid": 3600})
    rules = rules_of(who.site).approval
    assert (rules.nvrs, rules.always, rules.night_from, rules.valid) == (True, False, 22, 3600)
    alice.post(address, {"night_from": 0, "night_to": 0, "valid": 3600})
    assert not rules_of(who.site).approval.nvrs, "a box that is not ticked says no"
    refused = alice.post(address, {"night_from": 24, "valid": 3600})
    assert refused.status_code == 422
    assert "Between 0 and 23, please." in text(refused)


def test_an_administrator_lets_campaigns_share_a_password_and_is_warned_while_it_holds(
    who: Cast, pages: Any
) -> None:
    alice, address = pages(who.alice), reverse("password-rules", args=[who.site])
    warning = "Campaigns may give all devices here one password"
    assert warning not in text(alice.get(address))
    assert warning in text(alice.post(address, {"allowed": "on"}, follow=True))
    assert rules_of(who.site).sharing.allowed
    for person in (who.alice, who.bob):
        assert warning in text(pages(person).get(address))
    assert warning not in text(alice.post(address, {}, follow=True))
    assert not rules_of(who.site).sharing.allowed


@pytest.mark.parametrize("page", PAGES)
def test_others_look_and_do_not_set(who: Cast, pages: Any, page: str) -> None:
    address = reverse(page, args=[who.site])
    for person in (who.bob, who.tess):
        seen = pages(person).get(address)
        assert "<form" not in re.sub(r"(?s)<header.*?</header>", "", seen.content.decode())
        assert "An administrator of the site can change them." in text(seen)
        assert pages(person).post(address, CODES).status_code == 403
    assert pages(who.charlie).get(address).status_code == 404
    assert pages(who.charlie).post(address, CODES).status_code == 404
    assert not EventRow.everything.filter(category="rules").exists()


def test_the_site_leads_to_its_rules(who: Cast, pages: Any) -> None:
    site = pages(who.bob).get(reverse("site", args=[who.site])).content.decode()
    assert reverse("code-rules", args=[who.site]) in site
    rules = pages(who.bob).get(reverse("code-rules", args=[who.site])).content.decode()
    for page in PAGES:
        assert reverse(page, args=[who.site]) in rules


def test_rules_are_read_and_set_by_call(who: Cast) -> None:
    alice, bob = api_of(who.alice), api_of(who.bob)
    codes, approval = f"sites/{who.site}/rules/codes/", f"sites/{who.site}/rules/approval/"
    assert bob.get(codes).json()["digits"] == 8
    assert alice.post(codes, CODES).json() == CODES
    assert bob.get(codes).json() == CODES
    refused = alice.post(codes, {"valid": 601})
    assert (refused.status_code, refused.json()["code"]) == (422, "rule_out_of_bounds")
    assert alice.post(approval, {"always": True, "valid": 600}).json()["always"]
    assert bob.get(approval).json()["valid"] == 600
    assert bob.post(approval, {"always": False}).status_code == 403
    assert api_of(who.charlie).get(codes).status_code == 404
    assert alice.get(f"sites/{who.organisation}/rules/codes/").status_code == 404


def test_rules_that_would_change_nothing_are_refused_as_well(who: Cast) -> None:
    for person, error in ((who.tess, Forbidden), (who.charlie, NotFound)):
        with pytest.raises(error):
            handle(SetCodeRules(who.site), rules_id(who.site), who.by(person))
    assert actor_of(who.tess).grants
