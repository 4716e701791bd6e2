"""The page of a campaign that is under way, as people see it."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from uuid import UUID

from django.test import Client
from django.urls import reverse

from fleet.accounts.models import Person
from fleet.eventstore.handling import Order, handle_all
from fleet.eventstore.ids import new_id
from resets.campaigns.models import CampaignItem
from resets.campaigns.state import Standing
from resets.campaigns.steps.items import BeginItem, EndItem, ParkItem
from tests.cast import SETUP, Cast
from tests.resets.campaigns import ground
from tests.security.world import a_device


def stand(campaign: UUID, *standings: Standing) -> None:
    """Let the first devices that wait in a campaign stand there, as its turns would."""
    waiting = CampaignItem.objects.for_jobs().filter(campaign=campaign, standing="waiting")
    rows = list(waiting.order_by("number"))
    orders = []
    for row, standing in zip(rows, standings, strict=False):
        if standing is Standing.PARKED:
            orders.append(Order(ParkItem("offline"), row.pk))
            continue
        orders.append(Order(BeginItem(new_id()), row.pk))
        if standing.failed or standing is Standing.PROVEN:
            why = "proven" if standing is Standing.PROVEN else "not_authorised"
            orders.append(Order(EndItem(standing, why), row.pk))
    handle_all(orders, SETUP)


def of_four(who: Cast, ada: Person) -> UUID:
    """A campaign for four devices: of the first three, one is proven, one failed, one is parked."""
    for number in range(1, 5):
        a_device(who, who.site, number)
    made = ground.under_way(who, ada)
    stand(made, Standing.PROVEN, Standing.FAILED, Standing.PARKED)
    return made


def pages(person: Person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def text(response: Any) -> str:
    page = re.sub(r"(?s)<(nav|script).*?</\1>", " ", response.content.decode())
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def page_of(campaign: UUID) -> str:
    return reverse("campaign", args=[campaign])


def shown(person: Person, campaign: UUID, **asked: str) -> str:
    return text(pages(person).get(page_of(campaign), asked))


def step(campaign: UUID, slug: str) -> str:
    return reverse("campaign-step", args=[campaign, slug])


def item_step(campaign: UUID, number: int, slug: str) -> str:
    item = CampaignItem.objects.for_jobs().get(campaign=campaign, number=number)
    return reverse("campaign-item-step", args=[campaign, item.pk, slug])


def asks(page: str, of: str) -> str:
    """The address that a live part of the page asks."""
    found = re.search(rf'id="{of}" hx-get="([^"]+)"', page)
    assert found, f"{of} asks nothing"
    return unescape(found[1])


def main_of(person: Person, campaign: UUID) -> str:
    page = pages(person).get(page_of(campaign)).content.decode()
    return page[page.index("<main") : page.index("</main>")]
