"""Whose mailbox it is, is told in full to whoever may reset the device's password, and to nobody
who only looks: in every list, on every page.
"""

from __future__ import annotations

from base64 import b64decode
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from fleet.accounts.models import Person
from fleet.accounts.state import Role
from resets.campaigns.state import Kind
from tests.api.client import Api, api_of
from tests.cast import Cast
from tests.fleet.eventstore.ground import device, reset
from tests.resets.campaigns.ground import planned

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

MAILBOX, SHOWN = "owner@example.com", "o•••r@e•••e.com"


@pytest.fixture
def camera(who: Cast) -> UUID:
    made = device(who)
    reset(who, made)
    return made


def everything(api: Api, camera: UUID) -> dict[str, str]:
    """All that the API tells somebody of the device and its mailbox."""
    exported = api.get("devices/export/")
    body = b"".join(exported) if exported.streaming else exported.content  # type: ignore[arg-type]
    if exported["Content-Type"].startswith("application/json"):
        body = b64decode(exported.json()["content"])
    answers = {
        "list": api.get("devices/").content,
        "device": api.get(f"devices/{camera}/").content,
        "events": api.get("events/", device=str(camera)).content,
        "resets": api.get("resets/").content,
        "export": body,
    }
    return {name: answer.decode() for name, answer in answers.items()}


def test_the_api_tells_it_in_full_from_a_technician_on(who: Cast, camera: UUID) -> None:
    for somebody in (who.tess, who.alice):
        told = everything(api_of(somebody), camera)
        for where in ("list", "device", "events", "export"):
            assert MAILBOX in told[where], where


def test_the_api_tells_a_viewer_a_part_of_it(who: Cast, camera: UUID) -> None:
    for api in (api_of(who.bob), api_of(who.alice, Role.VIEWER)):
        for where, told in everything(api, camera).items():
            assert MAILBOX not in told, where
            assert SHOWN in told, where


def test_the_event_of_a_viewer_is_whole_but_for_the_mailbox(who: Cast, camera: UUID) -> None:
    def added(somebody: Person) -> dict[str, object]:
        [event] = api_of(somebody).all("events/", type="devices.device_added")
        return dict(event["data"])

    in_full = added(who.tess)
    assert added(who.bob) == in_full | {"reset_email": SHOWN}
    assert in_full["reset_email"] == MAILBOX


def test_the_events_of_a_campaign_tell_a_viewer_neither_it_nor_what_it_could_be_tried_against(
    who: Cast, camera: UUID
) -> None:
    planned(who, Kind.RESET)

    def told(somebody: Person) -> dict[str, Any]:
        types = "resets.item_planned", "resets.campaign_codes_begun"
        found = [api_of(somebody).all("events/", type=type_) for type_ in types]
        return {event["type"]: event["data"] for [event] in found}

    in_full, in_part = told(who.tess), told(who.bob)
    assert {data["mailbox"] for data in in_full.values()} == {MAILBOX}
    item = in_part["resets.item_planned"]
    assert item == in_full["resets.item_planned"] | {"mailbox": SHOWN, "facts": "…"}
    assert in_part["resets.campaign_codes_begun"]["mailbox"] == SHOWN


def test_the_pages_tell_it_likewise(who: Cast, camera: UUID, client: Client) -> None:
    for somebody, sees in ((who.tess, MAILBOX), (who.alice, MAILBOX), (who.bob, SHOWN)):
        client.force_login(somebody)
        for page in ("device", "export-devices", "history", "resets"):
            answer = client.get(reverse(page, args=[camera] if page == "device" else []))
            text = (b"".join(answer) if answer.streaming else answer.content).decode()  # type: ignore[arg-type]
            assert sees == MAILBOX or MAILBOX not in text, page
            if page in ("device", "export-devices"):
                assert sees in text, (page, somebody)
