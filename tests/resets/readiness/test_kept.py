"""How ready all devices of a site are is kept, and never kept for longer than it is true."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from devices import vault
from devices.moves import move
from devices.state import Purpose, credential_id
from devices.steps.check_device import RecordCheck
from devices.steps.credential import BeginCredential, PromoteCandidate
from devices.steps.open_site import OpenSite
from devices.steps.remove_device import RemoveDevice
from fleet.accounts.access import actor_of
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from resets.campaigns.models import CampaignCodes
from resets.campaigns.state import Kind
from resets.campaigns.steps.codes import RecordCampaignMail, SendCampaignCode
from resets.delivery.steps import RecordTestMail, SendTestMail
from resets.readiness import kept, queries
from resets.readiness.steps import BeginDrill, RecordDrillMail
from resets.state import Delivery
from tests.cast import SETUP, Cast, person
from tests.fleet.eventstore.ground import device
from tests.resets.campaigns import ground, quiet

pytestmark = pytest.mark.django_db


def told(somebody: Person) -> tuple[Any, ...]:
    """What the dashboard shows, which is to be what the list of all devices adds up to."""
    actor = actor_of(somebody)
    found, whole = queries.tally(actor), queries.fleet(actor)
    assert (len(found), found.bands, found.reasons) == (len(whole), whole.bands, whole.reasons)
    assert found.mean == whole.mean
    return found.bands, found.reasons


def has(somebody: Person, reason: str) -> int:
    _, reasons = told(somebody)
    return {one.code: count for one, count in reasons}.get(reason, 0)


@pytest.fixture
def camera(who: Cast) -> UUID:
    return device(who, reset_email="owner@example.com")


def test_what_is_counted_once_is_not_counted_again_while_nothing_happens(
    who: Cast, camera: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = told(who.alice)
    monkeypatch.setattr(kept, "known_of", None)  # whoever counts fails
    with CaptureQueriesContext(connection) as captured:
        again = queries.tally(actor_of(who.alice))
    assert (again.bands, again.reasons) == first
    assert len(captured) <= 5


def test_each_thing_that_happens_is_seen_at_once(who: Cast, camera: UUID) -> None:
    seen = [told(who.alice)]

    def after(command: Any, stream: UUID, by: Any = SETUP) -> None:
        handle(command, stream, by)
        seen.append(told(who.alice))

    after(RecordCheck(True), camera)
    test, drill = new_id(), new_id()
    handle(SendTestMail(camera), test, who.by(who.tess))
    after(RecordTestMail(Delivery.BOUNCED, "550"), test)
    handle(BeginDrill(camera), drill, who.by(who.tess))
    after(RecordDrillMail(1, Delivery.DELIVERED, ""), drill)
    device(who, reset_email="")
    seen.append(told(who.alice))
    after(RemoveDevice("It is broken"), camera, who.by(who.alice))
    assert all(before != now for before, now in pairwise(seen))


def test_a_device_that_moves_counts_where_it_is_now_alone(who: Cast, camera: UUID) -> None:
    museum = new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/Stockholm"), museum, SETUP)
    hans = person("Hans", who.organisation, Role.VIEWER, museum)
    device(who)  # stays, so that nothing happens at its site

    def seen() -> tuple[int, int]:
        return len(queries.tally(actor_of(who.bob))), len(queries.tally(actor_of(hans)))

    assert seen() == (2, 0)
    move([camera], museum, who.by(who.alice))
    assert seen() == (1, 1)
    told(who.alice)


def test_mails_of_a_campaign_over_all_sites_count_though_they_are_at_none(
    who: Cast, ada: Person
) -> None:
    quiet.devices(who, "Gate", reset_email="owner@example.com")
    campaign = quiet.under_way(who, ada, Kind.RESET, place_id=who.organisation)
    codes = CampaignCodes.objects.for_jobs().get(campaign=campaign).pk
    handle(SendCampaignCode(), codes, who.by(who.alice))
    assert has(who.alice, "mailbox_bouncing") == 0
    handle(RecordCampaignMail(1, Delivery.BOUNCED, "550"), codes, SETUP)
    assert has(who.alice, "mailbox_bouncing") == 1


def test_a_password_grows_old_without_anything_happening(who: Cast, camera: UUID) -> None:
    secret, account = vault.put(camera, "made-up-and-old-1"), credential_id(camera, "admin")
    begin = BeginCredential(who.organisation, who.site, camera, "admin", Purpose.DEVICE, secret)
    handle(begin, account, SETUP)
    handle(PromoteCandidate(secret), account, SETUP)
    assert has(who.alice, "password_old") == 0
    with time_machine.travel(datetime.now(UTC) + timedelta(days=366), tick=False):
        assert has(who.alice, "password_old") == 1


def test_who_sees_a_site_alone_is_told_of_it_alone(who: Cast, camera: UUID) -> None:
    museum = new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/Stockholm"), museum, SETUP)
    device(who, site=museum)
    assert len(queries.tally(actor_of(who.alice))) == 2
    assert len(queries.tally(actor_of(who.bob))) == 1
    assert len(queries.tally(actor_of(who.charlie))) == 0
    client = Client()
    client.force_login(who.charlie)
    assert "What is in the way of resets" not in client.get("/").content.decode()


@pytest.fixture
def ada(who: Cast) -> Person:
    return ground.second(who)
