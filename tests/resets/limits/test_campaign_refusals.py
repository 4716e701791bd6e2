"""What limits refuse of a campaign's codes stands in the log, as it does of a reset's."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from fleet.errors import Refused, RekeyError
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow
from resets.campaigns.steps.codes import EnterCampaignCode, SendCampaignCode
from resets.limits import queries, refusals
from resets.limits.counting import key_of
from resets.limits.rules import Counted, Limit, Scope
from resets.limits.state import PERIOD, Refusal, breaker_id
from resets.limits.steps import LimitReached, RefusalsSummed, TripBreaker
from resets.rules import rules_id
from resets.steps.site_rules import SetLimits
from tests.cast import SETUP, Cast
from tests.resets.campaigns.codes_ground import KEEPER, shared

pytestmark = pytest.mark.django_db
GUARD = Limit(Counted.GUESSES, Scope.MAILBOX, 50, 86_400)  # each site has to have one


def limit(who: Cast, place: UUID, *some: Limit) -> None:
    handle(SetLimits(place, some), rules_id(place), who.by(who.alice))


def facts() -> list[EventRow]:
    kinds = (LimitReached, RefusalsSummed)
    rows = EventRow.everything.filter(type__in=[kind.tag for kind in kinds])
    return list(rows.order_by("position"))


def test_codes_that_a_limit_refuses_are_two_facts_of_their_campaign(who: Cast) -> None:
    campaign = shared(who)
    limit(who, who.site, GUARD, Limit(Counted.CODES, Scope.MAILBOX, 1, 3600))
    campaign.send()
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        for _ in range(3):
            with pytest.raises(Refused, match="No more than 1 code for one mailbox"):
                campaign.send()
        [told] = facts()
        later = timezone.now() + timedelta(seconds=PERIOD + 1)
    assert (told.subject, told.site) == (campaign.campaign, who.site)
    [row] = queries.refusals(who.by(who.bob).actor)
    assert (row.asker, row.counted, row.what) == ("Tess", "codes", "k•••r@e•••e.com")
    assert not queries.refusals(who.by(who.charlie).actor)

    refusals.sum_up(later)
    assert [one.type for one in facts()] == [LimitReached.tag, RefusalsSummed.tag]
    [row] = queries.refusals(who.by(who.bob).actor)
    assert row.count == 3


@pytest.mark.one_database
def test_typed_codes_that_a_limit_refuses_are_a_fact_too(who: Cast) -> None:
    campaign = shared(who)
    limit(who, who.site, Limit(Counted.GUESSES, Scope.MAILBOX, 1, 3600))
    codes = campaign.send()
    for refused in ("wrong_code", "limit_reached"):
        with pytest.raises(RekeyError) as no:
            handle(EnterCampaignCode("00000000"), codes, who.by(who.tess))
        assert no.value.code == refused
    [told] = facts()
    assert told.subject == campaign.campaign


@pytest.mark.one_database
def test_what_an_alarm_stops_is_a_fact_and_sets_off_no_other(who: Cast) -> None:
    campaign = shared(who)
    tries = Limit(Counted.GUESSES, Scope.MAILBOX, 20, 3600, trips=True)
    case = Refusal(who.organisation, who.site, tries, "", new_id(), "Gate 1", "Tess")
    key = key_of(None, Scope.MAILBOX, who.organisation, KEEPER)
    handle(TripBreaker(Scope.MAILBOX, case, 0), breaker_id(who.site, key), SETUP)
    with pytest.raises(Refused, match="The alarm went off"):
        campaign.send()
    [told] = facts()
    assert told.subject == campaign.campaign
    [alarm] = queries.breakers(who.by(who.bob).actor)
    assert alarm.times == 1


def test_of_a_campaign_over_several_sites_it_is_a_fact_of_the_organisation(who: Cast) -> None:
    """So that nobody at one site learns of the others."""
    campaign = shared(who, place_id=who.organisation)
    limit(who, who.organisation, Limit(Counted.CODES, Scope.ORGANISATION, 1, 3600))
    alice = who.by(who.alice)
    handle(SendCampaignCode(), campaign.keeper, alice)
    with pytest.raises(Refused, match="No more than 1 code in one organisation"):
        handle(SendCampaignCode(), campaign.porter, alice)
    [told] = facts()
    assert (told.subject, told.organisation, told.site) == (
        campaign.campaign, who.organisation, None,
    )  # fmt: skip
    [row] = queries.refusals(alice.actor)
    assert (row.site, row.campaign) == (None, campaign.campaign)
    client = Client()
    client.force_login(who.alice)
    page = client.get(reverse("limits", args=[who.organisation])).content.decode()
    assert f'<a href="{reverse("campaign", args=[campaign.campaign])}">A campaign</a>' in page
    for other in (who.bob, who.charlie):
        assert not queries.refusals(who.by(other).actor)


def test_a_refusal_says_whether_it_was_at_a_device_or_in_a_campaign() -> None:
    at = Refusal(UUID(int=1), UUID(int=2), GUARD, "k•••r@e•••e.com", None, "Gate", "Tess")
    of_reset = LimitReached(at, timezone.now())
    assert of_reset.told("Rekey").startswith("Tess was refused at Gate: no more than 50 tries")
    case = Refusal(UUID(int=1), None, GUARD, asker="Tess", campaign=UUID(int=3))
    of_campaign = LimitReached(case, timezone.now())
    assert of_campaign.told("Rekey").startswith("Tess was refused in a campaign: no more than 50")
