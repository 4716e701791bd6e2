"""The page of a campaign under way: with 10,000 devices beside the same with 10, in one run.

Each device has a mailbox of its own, and no code was entered: nothing costs the page more. Answers
come from this process, so that what is compared is the page's own work.
"""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from html import unescape
from time import perf_counter
from uuid import UUID

from django.test import Client
from django.urls import reverse
from django.utils import timezone

from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.ids import new_id
from fleet.eventstore.store import read_stream, state_of
from resets.campaigns.drawing import draw_up_plan
from resets.campaigns.models import CampaignItem
from resets.campaigns.settings import Settings
from resets.campaigns.state import CampaignState, Kind, Selection, Standing
from resets.campaigns.steps.approve_campaign import ApproveCampaign
from resets.campaigns.steps.items import BeginItem, EndItem, ParkItem
from resets.campaigns.steps.plan_campaign import PlanCampaign
from tests.bench import world
from tests.bench.measure import Contestant, report, take_turns
from tests.cast import SETUP, Cast, person

MANY, FEW = 10_000, 10
REQUESTS = 20
OK, NO_CONTENT = 200, 204
SHARES = {
    "The first answer": 0.25,
    "An update": 0.25,
    "Nothing has changed": 0.4,
    "The lines anew": 0.4,
    "No line has changed": 0.3,
}
"""What the page with many devices has to reach of the one with few: all of them are counted."""
# Of ten devices; the last ones wait.
STAND = (*[Standing.PROVEN] * 5, Standing.UNPROVEN, Standing.FAILED, Standing.PARKED)


def campaign(who: Cast, ada: Person, devices: list[UUID]) -> UUID:
    """A campaign under way, in the midst of it."""
    made, by = new_id(), who.by(who.alice)
    plan = PlanCampaign(
        place_id=who.site,
        kind=Kind.RESET,
        name=f"{len(devices)} devices",
        reason="bench",
        ends_at=timezone.now() + timedelta(days=1),
        selection=Selection(devices=tuple(devices)),
        settings=Settings(canary=3, wave=500, stop_share=0),
    )
    handle(plan, made, by)
    draw_up_plan(read_stream(made)[0])
    digest = state_of(CampaignState, made).digest
    handle(ApproveCampaign(digest), made, who.by(ada))
    rows = CampaignItem.objects.for_jobs().filter(campaign=made).order_by("number")
    ids = list(rows.values_list("pk", flat=True))
    for start in range(0, len(ids), 500):
        handle_all([o for n, pk in enumerate(ids[start : start + 500]) for o in _stand(n, pk)],
                   SETUP)  # fmt: skip
    return made


def _stand(number: int, item: UUID) -> list[Order]:
    if number % 10 >= len(STAND):
        return []
    standing = STAND[number % 10]
    if standing is Standing.PARKED:
        return [Order(ParkItem("offline"), item)]
    why = "proven" if standing is Standing.PROVEN else "not_authorised"
    return [Order(BeginItem(new_id()), item), Order(EndItem(standing, why), item)]


def asks(page: str, part: str) -> str:
    """What a live part of a page asks."""
    found = re.search(rf'id="{part}" hx-get="([^"]+)"', page)
    assert found
    return unescape(found[1])


def first(client: Client, page: str, times: int) -> None:
    for _ in range(times):
        assert client.get(page).status_code == OK


def anew(client: Client, page: str, part: str, times: int) -> float:
    """Ask for a part that has changed; answers with the seconds without those of the page."""
    address = asks(client.get(page).content.decode(), part)
    address = address.replace("seen=", "seen=another.")
    began = perf_counter()
    for _ in range(times):
        assert client.get(address).status_code == OK
    return perf_counter() - began


def unchanged(client: Client, page: str, part: str, times: int) -> float:
    """The same, where nothing has changed but the pace, which is told anew every few seconds."""
    address = asks(client.get(page).content.decode(), part)
    seconds, polls = 0.0, 0
    while polls < times:
        began = perf_counter()
        answer = client.get(address)
        if answer.status_code == NO_CONTENT:
            seconds, polls = seconds + perf_counter() - began, polls + 1
        else:
            address = asks(answer.content.decode(), part)
    return seconds


def run(rounds: int) -> None:
    world.alice()
    [who] = world._cast
    ada = person("Ada", who.organisation, Role.ADMINISTRATOR)
    client = Client(headers={"Host": "localhost"})
    client.force_login(who.alice)
    of = {count: campaign(who, ada, world.devices(count)) for count in (FEW, MANY)}
    pages = {count: reverse("campaign", args=[made]) for count, made in of.items()}
    parts = {
        "The first answer": lambda page: partial(first, client, page),
        "An update": lambda page: partial(anew, client, page, "where"),
        "Nothing has changed": lambda page: partial(unchanged, client, page, "where"),
        "The lines anew": lambda page: partial(anew, client, page, "rows"),
        "No line has changed": lambda page: partial(unchanged, client, page, "rows"),
    }
    for title, part in parts.items():
        contestants = [
            Contestant(f"{count:,} devices", part(page), REQUESTS) for count, page in pages.items()
        ]
        results = take_turns(contestants, rounds)
        goal = {f"{FEW:,} devices": SHARES[title]}
        report(f"The page of a campaign: {title}", f"{MANY:,} devices", results, goal)
