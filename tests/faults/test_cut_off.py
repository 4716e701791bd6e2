"""What Rekey needs is cut off and comes back, or does not: nothing is lost, and people are told."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from devices import vault
from devices.queries import device_for_jobs
from devices.state import KEPT
from devices.steps.check_device import CheckDevice
from devices.virtual import Character, ThreadedFleet, fleet_in_thread, uniform_scenario
from fleet.eventstore import projections
from fleet.eventstore.handling import handle
from fleet.eventstore.store import read_stream
from resets.applying import change
from resets.steps.send_code import SendCode
from resets.steps.verify_code import VerifyCode
from tests.api.client import api_of
from tests.cast import cast, lift_limits, work
from tests.faults.cutting import Power
from tests.faults.dying import pass_time
from tests.faults.ground import Camera, owed, row, state
from tests.faults.rekey import CODE

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_broker"),
    pytest.mark.one_database,
]

NEVER = 10**6
SPECS = uniform_scenario(seed=5, count=1, port_base=0)


@pytest.fixture
def power(monkeypatch: pytest.MonkeyPatch) -> Power:
    return Power(monkeypatch)


@pytest.fixture
def fleet(power: Power) -> Iterator[ThreadedFleet]:
    with fleet_in_thread(SPECS) as running:
        yield running


@pytest.fixture
def camera(transactional_db: None, fleet: ThreadedFleet) -> Camera:
    return Camera.taken_in(lift_limits(cast()), fleet, SPECS[0])


def told(reset: Any) -> str:
    """The newest sentence of its history."""
    return str(read_stream(reset)[-1].sentence)


def wait(seconds: float = 60) -> None:
    pass_time(seconds)
    work()


# --- the mail server ------------------------------------------------------------------------------


def test_a_closed_mail_server_is_told_of_and_the_same_code_comes_when_it_opens(
    camera: Camera, mail_sink: Any
) -> None:
    mail_sink.stop()
    reset = camera.begin()
    work()
    assert row(reset).delivery == "deferred"
    assert "refuses connections" in row(reset).delivery_detail
    assert "Rekey tries again" in told(reset)
    wait()
    assert row(reset).delivery == "deferred"
    mail_sink.start()
    wait()
    assert row(reset).delivery == "handed_over"
    [mail] = mail_sink.mails()
    assert mail.message["Message-ID"].startswith(f"<reset-{reset}-1@")
    handle(VerifyCode(CODE.search(mail.text)[1]), reset, camera.who.by(camera.who.alice))
    assert row(reset).phase == "verified"
    assert not owed()


def test_a_mail_server_that_wants_to_be_asked_again_is_asked_again(
    camera: Camera, mail_sink: Any
) -> None:
    mail_sink.defer(times=2)
    reset = camera.begin()
    for expected in ("deferred", "deferred", "handed_over"):
        wait()
        assert row(reset).delivery == expected
    assert len(mail_sink.mails()) == 1
    deferred = [r for r in read_stream(reset) if r.type == "resets.code_deferred"]
    assert len(deferred) == 1, "the same answer is recorded once"


def test_a_mailbox_that_does_not_exist_is_told_of_and_not_tried_again(
    camera: Camera, mail_sink: Any
) -> None:
    mail_sink.refuse()
    reset = camera.begin()
    work()
    shown = api_of(camera.who.alice).get(f"resets/{reset}/").json()
    assert (shown["phase"], shown["delivery"]) == ("code_sent", "refused")
    assert "550" in shown["delivery_detail"]
    assert "There is no such mailbox here" in shown["delivery_detail"]
    assert "refused" in told(reset)
    assert not owed()
    assert not mail_sink.mails()
    # The mailbox was made meanwhile: the next code, a new one, arrives.
    mail_sink.behave()
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=61), tick=True):
        handle(SendCode(), reset, camera.who.by(camera.who.alice))
        work()
    assert row(reset).delivery == "handed_over"


def test_a_mail_server_that_stays_closed_until_the_code_expires_is_told_of(
    camera: Camera, mail_sink: Any
) -> None:
    mail_sink.stop()
    reset = camera.begin()
    work()
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=11), tick=True):
        work()
    assert row(reset).delivery == "refused"
    assert "before the code expired" in row(reset).delivery_detail
    assert not owed()


# --- the device -----------------------------------------------------------------------------------


@pytest.mark.parametrize("done", [False, True], ids=["not done", "done, answer lost"])
def test_a_device_that_goes_at_any_exchange_and_comes_back_is_waited_for(
    camera: Camera, power: Power, done: bool
) -> None:
    for exchange in itertools.count(1):
        reset = camera.begin_and_choose()
        with power.goes(exchange, done=done) as cut:
            work()
        if not cut.struck:
            break
        at = f"off at {cut.operations[-1]} ({exchange})"
        assert row(reset).open, at
        assert row(reset).waiting_for == "unreachable", at
        assert "Rekey keeps trying until" in told(reset), at
        assert len(camera.opened_by()) == 1, at
        camera.fleet.power(camera.spec.serial, True)
        wait()
        assert row(reset).phase == "done", at
        assert camera.opened_by() == [state(reset).secret], at
        assert camera.opens_with_the_current, at
        assert not owed(), at
    assert "SetUser" in cut.operations
    assert list(projections.differences()) == []


def test_a_device_that_is_gone_for_good_fails_honestly_and_its_old_password_is_known(
    camera: Camera, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.fleet.power(camera.spec.serial, False)
    reset = camera.begin_and_choose()
    work()
    assert (row(reset).phase, row(reset).waiting_for) == ("applying", "unreachable")
    monkeypatch.setattr(change, "GIVE_UP_AFTER", timedelta(0))
    wait()
    assert (row(reset).phase, row(reset).outcome) == ("failed", "unreachable")
    assert "Check that the device has power and network" in told(reset)
    assert not owed()
    assert camera.opens_with_the_current

    # It is found again, years later: another reset goes through.
    camera.fleet.power(camera.spec.serial, True)
    again = camera.begin_and_choose()
    work()
    assert row(again).phase == "done"
    assert camera.opened_by() == [state(again).secret]


def test_a_password_that_a_device_takes_after_its_proof_has_failed_is_still_known(
    transactional_db: None,
) -> None:
    late = replace(SPECS[0], character=Character.LIAR)
    with fleet_in_thread([late]) as fleet:
        camera = Camera.taken_in(lift_limits(cast()), fleet, late)
        reset = camera.begin_and_choose()
        work()
        assert (row(reset).phase, row(reset).outcome) == ("unproven", "new_refused")
        assert camera.opens_with_the_current
        secret = state(reset).secret
        fleet.change_password(late.serial, "admin", vault.get(secret, camera.id))
        assert camera.opened_by() == [secret]


def test_a_device_that_took_the_password_and_is_gone_for_good_opens_with_one_that_is_known(
    camera: Camera, power: Power, monkeypatch: pytest.MonkeyPatch
) -> None:
    camera.begin_and_choose()
    with power.goes(NEVER, done=True) as whole:
        work()
    reset = camera.begin_and_choose()
    with power.goes(whole.operations.index("SetUser") + 1, done=True) as cut:
        work()
    assert cut.operations[-1] == "SetUser"
    monkeypatch.setattr(change, "GIVE_UP_AFTER", timedelta(0))
    wait()
    assert (row(reset).phase, row(reset).outcome) == ("failed", "unreachable")
    # Nobody can know whether the device took it: both passwords are kept, and one of them opens.
    assert camera.opened_by() == [state(reset).secret]
    assert not camera.opens_with_the_current

    # However often people try again while it is away.
    for _ in range(KEPT + 1):
        again = camera.begin_and_choose()
        wait()
        assert row(again).outcome == "unreachable"
    assert camera.opened_by() == [state(reset).secret]

    # Asked when it is back, the device itself says which.
    camera.fleet.power(camera.spec.serial, True)
    handle(CheckDevice(), camera.id, camera.who.by(camera.who.alice))
    work()
    assert device_for_jobs(camera.id).certified
    assert camera.opens_with_the_current
