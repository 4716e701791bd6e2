"""The page of limits: what is wrong is said above it and at its input; what was refused stands."""

from __future__ import annotations

import html
import re
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from fleet.errors import Refused
from fleet.eventstore.handling import handle
from fleet.eventstore.store import last_position
from resets.campaigns.steps.codes import SendCampaignCode
from resets.limits.counting import key_of
from resets.limits.forms import limits_form
from resets.limits.rules import DEFAULTS, Counted, Limit, Scope
from resets.limits.state import Refusal, breaker_id
from resets.limits.steps import CloseBreaker, TripBreaker
from resets.rules import rules_id
from resets.steps.site_rules import SetLimits
from tests.cast import SETUP, Cast
from tests.resets.campaigns.codes_ground import shared

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture
def pages(client: Client, who: Cast) -> Client:
    """Alice's browser."""
    client.force_login(who.alice)
    return client


def answers(**other: str) -> dict[str, str]:
    """The table of a site as a browser sends it, with some of it changed."""
    form = limits_form(DEFAULTS, wide=False)
    sent = {f"form-{n}": str(v) for n, v in form.management_form.initial.items()}
    for row in form:
        for field in row:
            if (value := field.value()) not in (None, False):
                sent[field.html_name] = str(value)
    return sent | {"do": "save"} | other


def text(response: Any) -> str:
    bare = re.sub(r"<[^>]+>", " ", response.content.decode())
    return " ".join(html.unescape(bare).split())


def summary(response: Any) -> str:
    [found] = re.findall(r'<div class="errors".*?</div>', response.content.decode(), re.DOTALL)
    return str(found)


def test_what_is_wrong_in_a_row_is_told_above_and_leads_to_its_input(
    who: Cast, pages: Client
) -> None:
    before = last_position()
    sent = answers(**{"form-2-most": "0", "form-3-window": "a day"})
    answer = pages.post(reverse("limits", args=[who.site]), sent)
    assert answer.status_code == 422
    told = summary(answer)
    assert 'href="#id_form-2-most">Row 3, At most: Between 1 and 10,000, please' in told
    assert 'href="#id_form-3-window">Row 4, In: ' in told
    body = answer.content.decode()
    for name in ("form-2-most", "form-3-window"):
        [field] = re.findall(rf'<(?:input|select)[^>]*id="id_{name}"[^>]*>', body)
        assert f'aria-describedby="id_{name}_error"' in field
        assert f'id="id_{name}_error"' in body
    assert last_position() == before


def test_what_the_rules_refuse_of_the_whole_table_is_told_above(who: Cast, pages: Client) -> None:
    sent = answers(**{f"form-{number}-remove": "on" for number in range(len(DEFAULTS))})
    answer = pages.post(reverse("limits", args=[who.site]), sent)
    assert answer.status_code == 422
    assert "Without a limit of tries at the codes of one mailbox" in summary(answer)


def test_limits_that_will_do_are_set_without_a_word_of_a_problem(who: Cast, pages: Client) -> None:
    answer = pages.post(reverse("limits", args=[who.site]), answers(**{"form-0-most": "4"}))
    assert answer.status_code == 302
    body = pages.get(reverse("limits", args=[who.site])).content.decode()
    assert 'class="errors"' not in body


# --- over several sites ---------------------------------------------------------------------------


def refused_over_all_sites(who: Cast) -> None:
    limit = Limit(Counted.CODES, Scope.ORGANISATION, 1, 3600)
    alice = who.by(who.alice)
    handle(SetLimits(who.organisation, (limit,)), rules_id(who.organisation), alice)
    campaign = shared(who, place_id=who.organisation)
    handle(SendCampaignCode(), campaign.keeper, alice)
    with pytest.raises(Refused, match="No more than 1 code in one organisation"):
        handle(SendCampaignCode(), campaign.porter, alice)


def test_no_alarm_is_offered_for_the_organisation_as_a_whole(who: Cast, pages: Client) -> None:
    """It would be refused: it goes off at one site."""
    address = reverse("limits", args=[who.organisation])
    body = pages.get(address).content.decode()
    assert "form-0-trips" not in body and "form-0-most" in body
    sent = {"form-TOTAL_FORMS": "1", "form-INITIAL_FORMS": "1", "form-0-most": "7"}
    sent |= {"form-0-counted": "resets", "form-0-scope": "organisation", "form-0-window": "3600"}
    assert pages.post(address, sent).status_code == 302
    assert 'value="7"' in pages.get(address).content.decode()


def page(pages: Client, place: UUID) -> str:
    return text(pages.get(reverse("limits", args=[place])))


def test_what_was_refused_of_a_campaign_over_several_sites_stands_on_the_organisations_limits(
    who: Cast, pages: Client
) -> None:
    assert "No campaign over several sites was refused a code yet." in page(pages, who.organisation)
    refused_over_all_sites(who)
    told = page(pages, who.organisation)
    assert "1 code in one organisation in 60 min A campaign Alice 1" in told
    assert "Nothing was refused here yet." in page(pages, who.site)


def test_the_sites_limits_lead_whoever_may_see_them_to_the_organisations(
    who: Cast, pages: Client
) -> None:
    whole = reverse("limits", args=[who.organisation])
    here = reverse("limits", args=[who.site])
    assert whole in pages.get(here).content.decode()
    bobs = Client()
    bobs.force_login(who.bob)
    assert whole not in bobs.get(here).content.decode()
    assert bobs.get(whole).status_code == 404


# --- alarms ---------------------------------------------------------------------------------------


def test_an_alarm_says_at_which_site_it_went_off_and_leads_to_its_resets(
    who: Cast, pages: Client
) -> None:
    limit = Limit(Counted.RESETS, Scope.SITE, 2, 3600, trips=True)
    case = Refusal(who.organisation, who.site, limit, "", None, "Gate north", "Tess")
    alarm = breaker_id(who.site, key_of(None, Scope.SITE, who.organisation, str(who.site)))
    for times in range(2):
        handle(TripBreaker(Scope.SITE, case, times), alarm, SETUP)
        if not times:
            handle(CloseBreaker("Planned work"), alarm, who.by(who.alice))
    assert "Gate north Waits for a person Harbour" in text(pages.get(reverse("alarms")))
    assert "Gate north at Harbour: more than 2 resets" in text(pages.get("/"))
    answer = pages.get(reverse("alarm", args=[alarm]))
    assert "Site Harbour" in text(answer) and "2 times by now" in text(answer)
    assert f"{reverse('resets')}?site={who.site}" in answer.content.decode()
