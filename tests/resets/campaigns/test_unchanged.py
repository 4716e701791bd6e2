"""A campaign that left every device out: wherever it is told of, it says that, and why."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.urls import reverse

from devices.steps.open_site import OpenSite
from fleet.accounts.access import actor_of
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.ids import new_id
from resets.campaigns.models import CampaignItem
from resets.campaigns.report.facts import report
from resets.campaigns.steps.items import LeaveOut, TakeOut
from tests.cast import SETUP, Cast, person
from tests.resets.campaigns import ground, quiet
from tests.resets.campaigns.live_ground import page_of, pages, text
from tests.resets.campaigns.test_campaign_notices import mails, told

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

UNCHANGED = "o device was changed, as every one was left out"


def left_out(who: Cast, campaign: UUID, *names: str) -> None:
    """Two of them are taken out by somebody; a third was removed from the fleet."""
    rows = CampaignItem.objects.for_jobs().filter(campaign=campaign, device_name__in=names)
    items = [row.pk for row in rows.order_by("number")]
    handle_all([Order(TakeOut(), item) for item in items[:2]], who.by(who.alice))
    handle_all([Order(LeaveOut("removed"), item) for item in items[2:]], quiet.JOB)


def test_it_says_so_on_its_page_in_the_list_in_the_mail_and_in_the_report(
    who: Cast, ada: Person, mail_sink: Any
) -> None:
    names = ("Gate", "Quay", "Mast")
    quiet.devices(who, *names)
    campaign = quiet.under_way(who, ada)
    left_out(who, campaign, *names)
    ground.turns(campaign)
    quiet.draw_up("tell_of_campaign")
    assert ground.state(campaign).why == "unchanged"

    page = text(pages(who.bob).get(page_of(campaign)))
    assert f"N{UNCHANGED}." in page
    assert "3 of 3 devices came to an end, 3 of them left out" in page
    assert "It was taken out of the campaign 2" in page
    assert "It was removed from the fleet 1" in page
    assert "come to an end" not in page
    assert f"N{UNCHANGED}" in text(pages(who.bob).get(reverse("campaigns")))

    mail = mails(mail_sink)[ada.email]
    assert mail.message["Subject"] == "The campaign has changed no device: Quarterly"
    for words in (
        f"The campaign has ended: n{UNCHANGED}.",
        "Left out: 3",
        "It was taken out of the campaign: 2 left out",
        "It was removed from the fleet: 1 left out",
    ):
        assert words in told(mail), words

    facts = dict(report(actor_of(who.bob), campaign).facts)
    assert facts["Stands"] == f"Ended: n{UNCHANGED}"


def test_where_some_were_changed_who_administers_another_site_reads_that_none_was_there(
    who: Cast, ada: Person, mail_sink: Any
) -> None:
    island = new_id()
    handle(OpenSite(who.organisation, "Island", "UTC"), island, SETUP)
    dora = person("Dora", who.organisation, Role.ADMINISTRATOR, island)
    quiet.devices(who, "Gate")
    quiet.devices(who, "Buoy", site=island)
    campaign = quiet.under_way(who, ada, place_id=who.organisation)
    left_out(who, campaign, "Buoy")
    quiet.to_the_end(campaign)
    quiet.draw_up("tell_of_campaign")
    found = mails(mail_sink)
    assert "No device was changed where you are an administrator." in told(found[dora.email])
    assert "It was taken out of the campaign: 1 left out" in told(found[dora.email])
    assert "What came of it:" in told(found[ada.email])
