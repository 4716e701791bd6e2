"""Devices with passwords of their own, a campaign that has proven some of them, and a key."""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pyrage

from devices import vault
from devices.state import credential_id
from devices.steps.credential import PromoteCandidate, StoreCandidate
from devices.steps.open_site import OpenSite
from fleet.accounts.access import actor_of
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import By
from fleet.eventstore.store import read_stream
from resets.campaigns.drawing import draw_up_plan
from resets.campaigns.state import Standing, item_id
from resets.campaigns.steps.items import BeginItem, EndItem
from resets.handover.handing import Handed, Wish
from resets.handover.locks import Keys
from tests.cast import SETUP, Cast, cast, person
from tests.resets.campaigns import ground
from tests.security.world import a_device

SIGN_IN = "correct-horse-1-battery"


@dataclass
class Scene:
    """Three devices at Harbour, one at Museum; the campaign has proven two of the first and the
    last. Hans administers Museum alone.
    """

    who: Cast
    hans: Person
    harbour: list[UUID]
    museum: UUID
    campaign: UUID
    passwords: dict[UUID, str]
    identity: Any

    @property
    def proven(self) -> list[UUID]:
        return [*self.harbour[:2], self.museum]

    @property
    def wish(self) -> Wish:
        return Wish("The recorder needs them", Keys((str(self.identity.to_public()),)))

    def by(self, somebody: Person) -> By:
        return By(actor_of(somebody), source="127.0.0.1")

    def opened(self, handed: Handed | str) -> dict[UUID, str]:
        content = handed if isinstance(handed, str) else handed.content
        text = pyrage.decrypt(content.encode(), [self.identity]).decode()
        rows = csv.DictReader(io.StringIO(text, newline=""))
        return {UUID(row["device"]): row["password"] for row in rows}

    def those(self, devices: Sequence[UUID]) -> dict[UUID, str]:
        return {device: self.passwords[device] for device in devices}


def give(device: UUID) -> str:
    """A password of its own, proven."""
    password, account = f"={secrets.token_urlsafe(12)}", credential_id(device, "admin")
    secret = vault.put(device, password)
    handle(StoreCandidate(secret), account, SETUP)
    handle(PromoteCandidate(secret), account, SETUP)
    return password


def scene() -> Scene:
    who, elsewhere = cast(password=SIGN_IN), new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/London"), elsewhere, SETUP)
    hans = person("Hans", who.organisation, Role.ADMINISTRATOR, elsewhere)
    harbour = [a_device(who, who.site, number, "Pier") for number in (1, 2, 3)]
    museum = a_device(who, elsewhere, 4, "Vault")
    campaign = ground.plan(who, place_id=who.organisation)
    draw_up_plan(read_stream(campaign)[0])  # no worker: a browser's story has one of its own
    ground.agree(who, campaign, ground.second(who))
    passwords = {device: give(device) for device in (*harbour, museum)}
    identity = pyrage.x25519.Identity.generate()
    made = Scene(who, hans, harbour, museum, campaign, passwords, identity)
    for device in (*harbour, museum):
        handle(BeginItem(new_id()), item_id(campaign, device), SETUP)
    for device in (*harbour, museum):
        proven = device in made.proven
        end = EndItem(*((Standing.PROVEN, "proven") if proven else (Standing.FAILED, "trouble")))
        handle(end, item_id(campaign, device), SETUP)
    return made
