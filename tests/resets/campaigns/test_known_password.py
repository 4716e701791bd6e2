"""A rotation of devices that Rekey has no account of its own on: each changes its own password."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.utils import timezone

from devices.drivers.errors import Unreachable
from devices.drivers.onvif import Onvif
from devices.models import LoginTries, Telemetry
from devices.queries import device_for_jobs
from devices.steps.check_device import RecordCheck
from devices.virtual import Character, DeviceSpec, fleet_in_thread, uniform_scenario
from devices.virtual.spec import PasswordPolicy
from fleet.errors import Refused
from fleet.eventstore import projections
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from resets.models import Reset
from resets.state import RecoveryMethod
from resets.steps.request_reset import RequestReset
from resets.supplies import methods
from tests.cast import SETUP, Cast, work
from tests.faults.ground import Camera
from tests.resets.campaigns import ground

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

KNOWN = RecoveryMethod.KNOWN_PASSWORD


def spec(**traits: Any) -> DeviceSpec:
    """A camera with room for one account only: that of its administrator."""
    [drawn] = uniform_scenario(seed=3, count=1, port_base=0)
    return replace(drawn, **{"max_users": 1, **traits})


@contextmanager
def taken_in(who: Cast, **traits: Any) -> Iterator[Camera]:
    made = spec(**traits)
    with fleet_in_thread([made]) as fleet:
        camera = Camera.added(who, fleet, made)
        work()
        row = device_for_jobs(camera.id)
        assert (row.managed, row.certified) == (False, True)
        yield camera


def rotated(who: Cast, ada: Any) -> dict[str, str]:
    """Where each device stands once a rotation of all of them is over."""
    campaign = ground.under_way(who, ada)
    ground.carry_out(campaign)
    assert set(Reset.objects.for_jobs().values_list("method", flat=True)) == {KNOWN.value}
    return ground.standings(campaign)


def test_a_device_without_rekeys_account_changes_its_own_password(who: Cast) -> None:
    ada = ground.second(who)
    with taken_in(who) as camera:
        assert rotated(who, ada) == {camera.spec.name: "proven proven"}
        assert camera.opens_with_the_current
        assert not camera.fleet.opens(camera.spec.serial, "admin", camera.spec.password)
        assert rotated(who, ada) == {camera.spec.name: "proven proven"}, "and once more"
        assert len(camera.opened_by()) == 1
    assert not list(projections.differences())


def test_the_known_password_is_no_way_of_a_reset(who: Cast) -> None:
    with taken_in(who) as camera:
        assert KNOWN not in methods(device_for_jobs(camera.id))
        ask = RequestReset(camera.id, "Lost", KNOWN)
        with pytest.raises(Refused) as no:
            handle(ask, new_id(), who.by(who.alice))
        assert no.value.code == "no_recovery_method"


def test_a_password_that_was_changed_at_the_device_is_said_and_costs_one_try(who: Cast) -> None:
    ada = ground.second(who)
    with taken_in(who) as camera:
        campaign = ground.under_way(who, ada)
        camera.fleet.change_password(camera.spec.serial, "admin", "Somebody-Else-9")
        ground.carry_out(campaign)
        assert ground.standings(campaign) == {camera.spec.name: "failed known_refused"}
        assert camera.fleet.locks(camera.spec.serial)["times"] == 0
        device = device_for_jobs(camera.id)
        assert device.certified is False
        assert sum(row.failed for row in LoginTries.objects.filter(device=device.pk)) == 1

        ground.carry_out(again := ground.planned(who))
        assert ground.standings(again) == {camera.spec.name: "left_out not_known"}


def test_a_device_that_cuts_the_password_is_told_apart_and_rotated_the_next_time(who: Cast) -> None:
    ada = ground.second(who)
    with taken_in(who, policy=PasswordPolicy(cut=10), lockout_tries=5) as camera:
        assert rotated(who, ada) == {camera.spec.name: "unproven cut"}
        assert camera.opens_with_the_current, "what the device has made of it"
        assert rotated(who, ada) == {camera.spec.name: "proven proven"}
        assert camera.opens_with_the_current
        assert camera.fleet.locks(camera.spec.serial)["times"] == 0


def test_a_liar_keeps_the_password_that_it_has(who: Cast) -> None:
    with taken_in(who, character=Character.LIAR, lockout_tries=5) as camera:
        ended = {camera.spec.name: "unproven new_refused"}
        assert rotated(who, ground.second(who)) == ended
        assert camera.opens_with_the_current
        assert camera.fleet.opens(camera.spec.serial, "admin", camera.spec.password)
        assert camera.fleet.locks(camera.spec.serial)["times"] == 0


def test_an_answer_that_was_lost_is_made_good_when_the_device_is_back(
    who: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The change went through, and nobody knows: the next try finds out, and goes on from it."""
    ada = ground.second(who)
    with taken_in(who) as camera:
        campaign = ground.under_way(who, ada)
        whole = Onvif.set_password

        async def lost(self: Any, login: Any, username: str, new_password: str) -> None:
            await whole(self, login, username, new_password)
            raise Unreachable(maybe_done=True)

        monkeypatch.setattr(Onvif, "set_password", lost)
        ground.turns(campaign)
        work()
        ground.turns(campaign)
        assert ground.standings(campaign) == {camera.spec.name: "parked unreachable"}
        assert not camera.opens_with_the_current
        monkeypatch.setattr(Onvif, "set_password", whole)

        # A sweep hears it again, and finds that the current one does not open it.
        now = timezone.now()
        Telemetry.objects.update_or_create(
            device=camera.id,
            defaults={"online": True, "seen_at": now, "asked_at": now, "next_at": now},
        )
        handle(RecordCheck(opened=False), camera.id, SETUP)
        ground.carry_out(campaign)
        assert ground.standings(campaign) == {camera.spec.name: "proven proven"}
        assert camera.opens_with_the_current
        assert len(camera.opened_by()) == 1
