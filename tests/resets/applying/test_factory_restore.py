"""Somebody presses the button: from a device that knows nobody to the proven new password."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from devices import vault
from devices.drivers.base import Address, Login
from devices.drivers.onvif import Onvif
from devices.queries import credential_for_jobs, device_for_jobs
from devices.state import Purpose
from devices.steps.check_device import CheckDevice
from fleet.errors import Conflict, Refused
from fleet.eventstore import projections
from fleet.eventstore.handling import handle
from fleet.eventstore.store import read_stream
from resets.applying import restore as restoring
from resets.state import RecoveryMethod
from resets.steps.cancel_reset import CancelReset
from resets.steps.restore_device import Lost, SetByHand, TickOff
from tests.cast import Cast, work
from tests.devices.drivers.made_up import password
from tests.faults.dying import pass_time
from tests.faults.ground import owed, row, state
from tests.resets.applying.ground import Able, activated, everything_logged, types

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]
RESTORE = RecoveryMethod.FACTORY_RESTORE


@pytest.fixture(params=["recovery", "onvif"])
def camera(who: Cast, request: pytest.FixtureRequest) -> Iterator[Able]:
    """One that Rekey activates by the recovery protocol, one by ONVIF alone."""
    traits = {} if request.param == "recovery" else {"services": ()}
    with activated(who, **traits) as able:
        able.method = RESTORE
        yield able


def restore(camera: Able) -> None:
    """Somebody presses the button."""
    camera.fleet.factory_reset(camera.spec.serial)
    pass_time(10)


def set_at_the_device(camera: Able, password: str) -> None:
    """Somebody gives it its first password on its own page."""
    address = Address(*camera.fleet.address(camera.spec.serial))
    asyncio.run(Onvif(address).activate(Login("admin", password), ""))


def test_once_the_button_was_pressed_the_device_gets_its_new_password(
    camera: Able, mail_sink: Any
) -> None:
    camera.lose()
    keys = credential_for_jobs(camera.id, Purpose.RECOVERY)
    before = keys.current if keys else None
    reset = camera.begin_and_choose()
    work()
    assert (row(reset).phase, row(reset).waiting_for) == ("applying", "button")
    assert camera.candidate is None, "the device was told nothing"
    restore(camera)
    work()
    assert row(reset).phase == "done", (row(reset).outcome, row(reset).doors)
    assert camera.opens_with_the_current
    assert camera.opened_by() == [state(reset).secret]
    device = device_for_jobs(camera.id)
    assert (device.fresh, device.certified, device.managed) == (False, True, True)
    management = credential_for_jobs(camera.id, Purpose.MANAGEMENT)
    assert camera.opens("rekey", management.current)
    after = credential_for_jobs(camera.id, Purpose.RECOVERY)
    assert (after is None) == (before is None)
    assert after is None or (after.current != before and after.candidate is None)
    assert not owed()
    assert list(projections.differences()) == []
    assert vault.get(state(reset).secret, camera.id) not in everything_logged()
    for item in Lost:
        camera.do(reset, TickOff(item))
    assert len(state(reset).restore.ticked) == len(Lost)


def test_nobody_can_tell_that_it_became_fresh_by_itself(camera: Able, mail_sink: Any) -> None:
    restore(camera)
    handle(CheckDevice(), camera.id, camera.who.by(camera.who.alice))
    work()
    assert device_for_jobs(camera.id).trouble == "factory_fresh"
    reset = camera.begin_and_choose()
    work()
    assert row(reset).phase == "done", row(reset).outcome
    assert camera.opens_with_the_current
    assert "restore_awaited" not in types(reset), "there was nothing to wait for"
    assert device_for_jobs(camera.id).trouble == ""


def test_it_restarts_and_is_not_there_meanwhile(camera: Able, mail_sink: Any) -> None:
    reset = camera.begin_and_choose()
    work()
    camera.fleet.power(camera.spec.serial, False)
    for _ in range(3):
        pass_time(10)
        work()
    assert (row(reset).phase, row(reset).waiting_for) == ("applying", "button")
    camera.fleet.power(camera.spec.serial, True)
    restore(camera)
    work()
    assert row(reset).phase == "done"


def test_within_the_hour_nobody_came(camera: Able, mail_sink: Any) -> None:
    reset = camera.begin_and_choose()
    work()
    began = timezone.now()
    with time_machine.travel(began + timedelta(minutes=59), tick=False):
        work()
        assert row(reset).phase == "applying"
    with time_machine.travel(began + timedelta(minutes=61), tick=False):
        work()
    assert (row(reset).phase, row(reset).outcome) == ("failed", "not_restored")
    assert camera.candidate is None
    assert camera.opens_with_the_current
    assert not owed()


def test_it_may_be_called_off_until_the_device_is_told(camera: Able, mail_sink: Any) -> None:
    reset = camera.begin_and_choose()
    work()
    assert CancelReset.offered(state(reset), timezone.now())
    camera.do(reset, CancelReset())
    restore(camera)
    work()
    assert row(reset).phase == "cancelled"
    assert device_for_jobs(camera.id).fresh is False, "nobody told it anything"
    assert not owed()


def test_a_password_that_was_set_at_the_device_is_verified(camera: Able, mail_sink: Any) -> None:
    theirs = password()
    reset = camera.begin_and_choose()
    work()
    chosen = state(reset).secret
    restore(camera)
    set_at_the_device(camera, theirs)
    work()
    assert row(reset).waiting_for == "button", "from outside it looks like one never restored"
    camera.do(reset, SetByHand("Mistyped-1-today"))
    work()
    assert (row(reset).phase, row(reset).waiting_for) == ("applying", "hand")
    assert state(reset).secret == chosen
    camera.do(reset, SetByHand(theirs))
    work()
    pass_time(10)
    work()
    assert row(reset).phase == "done", row(reset).outcome
    current = credential_for_jobs(camera.id, Purpose.DEVICE).current
    assert vault.get(current, camera.id) == theirs
    assert camera.opens_with_the_current
    assert device_for_jobs(camera.id).managed, "Rekey's own account was made anew"
    assert theirs not in everything_logged()
    assert not owed()


@pytest.mark.parametrize("camera", ["recovery"], indirect=True)
def test_somebody_was_quicker_than_rekey(
    camera: Able, mail_sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look and the first password."""
    theirs, activate = password(), restoring.activate
    reset = camera.begin_and_choose()
    work()
    restore(camera)

    def late(talk: Any, first: Login) -> None:
        set_at_the_device(camera, theirs)
        activate(talk, first)

    monkeypatch.setattr(restoring, "activate", late)
    work()
    monkeypatch.setattr(restoring, "activate", activate)
    assert (row(reset).phase, row(reset).waiting_for) == ("applying", "hand")
    assert "somebody has set its first password" in read_stream(reset)[-1].sentence
    assert not CancelReset.offered(state(reset), timezone.now()), "it may have heard the password"
    camera.do(reset, SetByHand(theirs))
    work()
    assert row(reset).phase == "done"


@pytest.mark.parametrize("camera", ["recovery"], indirect=True)
def test_what_is_no_time_for_it_is_refused(camera: Able, mail_sink: Any) -> None:
    reset = camera.begin()
    for command, code in (
        (SetByHand("Typed-too-early-1"), "no_hand_needed"),
        (TickOff(Lost.TIME), "not_restored_yet"),
    ):
        with pytest.raises(Conflict) as refused:
            camera.do(reset, command)
        assert refused.value.code == code
    camera.choose(reset)
    work()
    with pytest.raises(Refused) as empty:
        camera.do(reset, SetByHand(""))
    assert (empty.value.code, empty.value.field) == ("password_missing", "password")
    restore(camera)
    work()
    camera.do(reset, TickOff(Lost.TIME))
    with pytest.raises(Conflict) as twice:
        camera.do(reset, TickOff(Lost.TIME))
    assert twice.value.code == "ticked_already"
