"""One password for all devices of a site: where its rules allow it, and never without a warning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices import vault
from devices.models import Device, Secret
from devices.passwords import GENERATED_LENGTH
from devices.queries import credential_for_jobs
from devices.state import Purpose
from devices.steps.open_site import OpenSite
from devices.steps.take_in_device import RecordLongest
from devices.virtual import Character, ThreadedFleet, default_scenario, fleet_in_thread
from fleet.accounts.models import Person
from fleet.errors import Refused
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.store import read_stream, state_of
from resets.campaigns import process
from resets.campaigns.passwords import shared_id
from resets.campaigns.settings import Window
from resets.campaigns.steps.control import PauseCampaign
from resets.models import Reset
from resets.readiness.facts import known_of
from resets.readiness.score import Age
from resets.rules import rules_id
from resets.schedules.steps import MakeSchedule
from resets.schedules.timing import Every
from resets.state import ResetState
from resets.steps.site_rules import SetPasswordSharing
from tests.cast import SETUP, Cast, add_device, work
from tests.resets.campaigns import ground, quiet

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

ONE = replace(ground.SETTINGS, one_password=True)
HONEST = [
    spec
    for spec in default_scenario(seed=7, port_base=0)
    if spec.kind == "camera" and spec.character is Character.HONEST
][:3]


@pytest.fixture
def fleet() -> Iterator[ThreadedFleet]:
    with fleet_in_thread(HONEST) as running:
        yield running


def allow(who: Cast, *sites: UUID, allowed: bool = True) -> None:
    for site in sites or (who.site,):
        handle(SetPasswordSharing(site, allowed=allowed), rules_id(site), who.by(who.alice))


def given_to(*devices: UUID) -> list[str]:
    """What was chosen for each of these devices in its newest reset."""
    found = []
    for device in devices:
        reset = Reset.objects.for_jobs().filter(device=device).latest("id").pk
        secret = state_of(ResetState, reset).secret
        assert secret
        found.append(vault.get(secret, device))
    return found


def page(person: Person, name: str, *args: object) -> str:
    client = Client()
    client.force_login(person)
    said = client.get(reverse(name, args=args)).content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", said))


# --- where it is allowed --------------------------------------------------------------------------


def test_it_is_not_planned_where_the_rules_of_one_site_forbid_it(who: Cast) -> None:
    other = new_id()
    handle(OpenSite(who.organisation, "Depot", "UTC"), other, SETUP)
    quiet.many(who, 2)
    quiet.devices(who, "Far", site=other)
    allow(who)
    with pytest.raises(Refused) as refused:
        ground.plan(who, settings=ONE, place_id=who.organisation)
    assert (refused.value.code, refused.value.facts) == ("one_password_forbidden", {"sites": 1})
    assert "The rules of Depot do not allow it." in refused.value.message
    ground.plan(who, settings=ONE)
    allow(who, other)


def test_each_site_gets_one_of_its_own(who: Cast, ada: Person) -> None:
    other = new_id()
    handle(OpenSite(who.organisation, "Depot", "UTC"), other, SETUP)
    here, there = quiet.many(who, 3), quiet.devices(who, "Far", "Farther", site=other)
    allow(who, who.site, other)
    campaign = quiet.under_way(who, ada, settings=ONE, place_id=who.organisation)
    ground.turns(campaign)
    near, far = set(given_to(*here)), set(given_to(*there))
    assert (len(near), len(far), len(near | far)) == (1, 1, 2)
    said = [r.sentence for r in read_stream(campaign) if r.type == "resets.one_password_chosen"]
    assert sorted(said) == [
        f"One password was chosen for all devices of {site}." for site in ("Depot", "Harbour")
    ]


def test_a_device_alone_at_its_site_shares_with_nobody(who: Cast, ada: Person) -> None:
    [alone] = quiet.many(who, 1)
    allow(who)
    ground.turns(quiet.under_way(who, ada, settings=ONE))
    assert given_to(alone)
    assert not Secret.objects.filter(shared=True).exists()


def test_it_is_the_same_for_those_that_begin_later(who: Cast, ada: Person) -> None:
    cameras = quiet.many(who, 4)
    allow(who)
    campaign = quiet.under_way(who, ada, settings=replace(ONE, at_once=1))
    quiet.to_the_end(campaign)
    assert len(set(given_to(*cameras))) == 1
    chosen = [r for r in read_stream(campaign) if r.type == "resets.one_password_chosen"]
    assert len(chosen) == 1


def test_what_is_not_allowed_any_more_is_not_done_any_more(who: Cast, ada: Person) -> None:
    cameras = quiet.many(who, 4)
    allow(who)
    campaign = quiet.under_way(who, ada, settings=replace(ONE, at_once=2))
    process.advance(campaign)
    allow(who, allowed=False)
    quiet.to_the_end(campaign)
    passwords = given_to(*cameras)
    assert passwords[0] == passwords[1]
    assert len(set(passwords[1:])) == 3


def test_without_asking_for_it_each_device_gets_its_own(who: Cast, ada: Person) -> None:
    cameras = quiet.many(who, 3)
    allow(who)
    campaign = quiet.under_way(who, ada)
    ground.turns(campaign)
    assert len(set(given_to(*cameras))) == 3
    assert not Secret.objects.filter(shared=True).exists()


def test_it_is_as_short_as_the_shortest_and_who_cannot_take_it_gets_their_own(
    who: Cast, ada: Person
) -> None:
    cameras = quiet.many(who, 3)
    handle(RecordLongest(10), cameras[1], quiet.JOB)
    allow(who)
    campaign = quiet.under_way(who, ada, settings=replace(ONE, at_once=1))
    process.advance(campaign)
    [first] = given_to(cameras[0])
    assert len(first) == 10 < GENERATED_LENGTH
    handle(RecordLongest(8), cameras[2], quiet.JOB)
    quiet.to_the_end(campaign)
    second, third = given_to(*cameras[1:])
    assert (second, len(third)) == (first, 8)


def test_the_vault_keeps_it_while_the_campaign_is_open_and_no_longer(
    who: Cast, ada: Person
) -> None:
    quiet.many(who, 2)
    allow(who)
    ends_at = timezone.now() + timedelta(days=60)
    campaign = quiet.under_way(who, ada, settings=replace(ONE, at_once=1), ends_at=ends_at)
    process.advance(campaign)
    handle(PauseCampaign(), campaign, who.by(who.alice))
    kept = Secret.objects.filter(device=shared_id(campaign, who.site))
    with time_machine.travel(timezone.now() + timedelta(days=30)):
        vault.forget_unreferenced()
    assert kept.count() == 1
    with time_machine.travel(timezone.now() + timedelta(days=61)):
        for _ in range(3):
            process.advance(campaign)
            quiet.end_all(campaign, "expired")
        assert ground.state(campaign).ended_at
        vault.forget_unreferenced()
    assert not kept.exists()


# --- the warning ----------------------------------------------------------------------------------


def test_the_warning_stays_until_each_device_has_a_password_of_its_own(
    who: Cast, ada: Person, fleet: ThreadedFleet
) -> None:
    cameras = [add_device(who, fleet, spec) for spec in HONEST]
    work()
    allow(who)
    campaign = ground.planned(who, settings=ONE)
    warning, given = "All devices of a site get one password", "Devices of a site got one password"
    for person in (who.alice, who.bob):
        assert warning in page(person, "campaign-plan", campaign)
    allow(who, allowed=False)
    assert "The rules of Harbour do not allow it any more" in page(ada, "campaign-plan", campaign)
    allow(who)
    ground.agree(who, campaign, ada)
    ground.carry_out(campaign)
    assert set(ground.standings(campaign).values()) == {"proven proven"}
    assert given in page(who.bob, "campaign", campaign)

    held = [credential_for_jobs(pk, Purpose.DEVICE).current for pk in cameras]
    [one] = {vault.get(secret, pk) for secret, pk in zip(held, cameras, strict=True)}
    assert all(fleet.opens(spec.serial, "admin", one) for spec in HONEST)
    rows = Device.objects.for_jobs()
    assert {known.facts.age for known in known_of(rows)} == {Age.SHARED}
    allow(who, allowed=False)
    rules = page(who.bob, "password-rules", who.site)
    assert "Devices here have a password of others" in rules
    assert "3 devices have one until each gets a password of its own" in rules
    same = "Other devices have the same password"
    assert same in page(who.bob, "device", cameras[0])
    assert "Other devices have its password" in page(who.bob, "device", cameras[0])

    own = ground.planned(who, name="Each its own")
    assert warning not in page(who.alice, "campaign-plan", own)
    assert given not in page(who.alice, "campaign-plan", own)
    ground.agree(who, own, ada)
    ground.carry_out(own)
    assert {known.facts.age for known in known_of(rows)} == {Age.FRESH}
    assert same not in page(who.bob, "device", cameras[0])
    assert "a password of others" not in page(who.bob, "password-rules", who.site)
    assert not any(fleet.opens(spec.serial, "admin", one) for spec in HONEST)


def test_a_schedule_says_at_which_sites_the_rules_have_taken_it_back(who: Cast) -> None:
    other, schedule = new_id(), new_id()
    handle(OpenSite(who.organisation, "Depot", "UTC"), other, SETUP)
    quiet.many(who, 2)
    quiet.devices(who, "Far", site=other)
    allow(who, who.site, other)
    window = Window((6,), "02:00", "05:00")
    make = MakeSchedule(
        who.organisation, "Weekly", "It is due", Every.WEEKS, 1, timezone.localdate(), 24,
        settings=replace(ONE, window=window),
    )  # fmt: skip
    handle(make, schedule, who.by(who.alice))
    assert "All devices of a site get one password" in page(who.alice, "schedule", schedule)
    allow(who, other, allowed=False)
    assert "The rules of Depot do not allow it any more" in page(who.alice, "schedule", schedule)
