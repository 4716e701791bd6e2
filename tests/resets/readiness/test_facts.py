"""What the score is made of, looked up for many devices at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.conf import settings as configured
from django.db import connection
from django.test.utils import CaptureQueriesContext

from devices import vault
from devices.queries import devices
from devices.state import Purpose, credential_id
from devices.steps.change_reset_email import ChangeResetEmail
from devices.steps.check_device import RecordCheck, RecordNvrOpens, RecordTrouble
from devices.steps.credential import BeginCredential, PromoteCandidate
from devices.steps.open_site import OpenSite
from devices.steps.take_in_device import DeviceIdentified, RecordIdentity
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import Actor
from resets.codes import CodeKey
from resets.delivery.steps import RecordTestMail, SendTestMail
from resets.readiness.facts import known_of
from resets.readiness.score import Age, Drilled, Facts, Firmware, Mailbox, Standing, Way
from resets.readiness.steps import BeginDrill, EnterDrillCode, FailDrill, PassDrill, RecordDrillMail
from resets.state import Delivery
from resets.steps.cancel_reset import CancelReset
from resets.steps.deliver_code import RecordDelivery
from resets.steps.send_code import SendCode
from tests.cast import SETUP, Cast
from tests.fleet.eventstore.ground import add, device, reset
from tests.resets.campaigns import quiet

pytestmark = pytest.mark.django_db
JOB = Actor.job("tests")
TO = "owner@example.com"


def facts(camera: UUID) -> Facts:
    [known] = known_of(devices(JOB).filter(pk=camera))
    return known.facts


def mailbox(camera: UUID) -> Mailbox:
    return facts(camera).mailbox


def test_a_device_that_was_just_added(who: Cast) -> None:
    assert facts(device(who)) == Facts(
        Mailbox.UNTESTED,
        Way.ACCOUNT,
        Firmware.NO_FLAW_KNOWN,
        Standing.NEVER_CERTIFIED,
        Age.FRESH,
        Drilled.OVERDUE,
    )
    bare = new_id()
    handle(add(who, reset_email=""), bare, who.by(who.alice))
    assert (mailbox(bare), facts(bare).way) == (Mailbox.MISSING, Way.RESTORE_ONLY)


def test_how_it_stands(who: Cast) -> None:
    camera = device(who)
    handle(RecordCheck(True), camera, SETUP)
    assert facts(camera).standing is Standing.CERTIFIED
    handle(RecordCheck(False), camera, SETUP)
    assert facts(camera).standing is Standing.NOT_CERTIFIED
    handle(RecordTrouble("unreachable"), camera, SETUP)
    assert facts(camera).standing is Standing.TROUBLE


def test_its_nvr_alone_does_not_open_it(who: Cast) -> None:
    _, [camera] = quiet.nvr(who, "Quay", 1)
    for opens, told in ((False, Standing.NVR_SHUT_OUT), (True, Standing.CERTIFIED)):
        handle(RecordNvrOpens(opens), camera, SETUP)
        assert facts(camera).standing is told
    handle(RecordNvrOpens(False), camera, SETUP)
    handle(RecordCheck(False), camera, SETUP)
    assert facts(camera).standing is Standing.NOT_CERTIFIED


def test_its_firmware(who: Cast) -> None:
    camera = device(who)
    for firmware, told in (
        ("2.0.0 Build 240101", Firmware.FLAWED),
        ("nobody knows", Firmware.UNCLEAR),
        ("3.0.0 Build 260101", Firmware.NO_FLAW_KNOWN),
    ):
        seen = DeviceIdentified("TP-Link", "VIGI C540V", firmware, "A-1", None, "")
        handle(RecordIdentity(seen), camera, SETUP)
        assert facts(camera).firmware is told


# --- the mailbox ----------------------------------------------------------------------------------


def after_a_test(who: Cast, camera: UUID, delivery: Delivery) -> None:
    test = new_id()
    handle(SendTestMail(camera), test, who.by(who.tess))
    handle(RecordTestMail(delivery, "said"), test, SETUP)


@pytest.mark.parametrize(
    ("delivery", "told"),
    [
        (Delivery.DEFERRED, Mailbox.UNTESTED),
        (Delivery.HANDED_OVER, Mailbox.REACHED),
        (Delivery.HELD_UP, Mailbox.UNTESTED),
        (Delivery.REFUSED, Mailbox.BOUNCING),
        (Delivery.DELIVERED, Mailbox.REACHED),
        (Delivery.BOUNCED, Mailbox.BOUNCING),
        (Delivery.SPAM, Mailbox.BOUNCING),
    ],
)
def test_a_test_mail_tells_of_its_mailbox_for_every_device_of_the_site(
    who: Cast, delivery: Delivery, told: Mailbox
) -> None:
    one, other = device(who, reset_email=TO), device(who, reset_email="Owner@Example.com")
    third = device(who, reset_email="another@example.com")
    after_a_test(who, one, delivery)
    assert (mailbox(one), mailbox(other)) == (told, told)
    assert mailbox(third) is Mailbox.UNTESTED


def test_the_newest_mail_counts_whatever_it_was_for(who: Cast) -> None:
    camera, now = device(who, reset_email=TO), datetime.now(UTC)
    with time_machine.travel(now - timedelta(hours=5), tick=False):
        after_a_test(who, camera, Delivery.BOUNCED)
    assert mailbox(camera) is Mailbox.BOUNCING
    with time_machine.travel(now - timedelta(hours=4), tick=False):
        walk = reset(who, camera)
        handle(SendCode(), walk, who.by(who.tess))
        handle(RecordDelivery(1, Delivery.DELIVERED, ""), walk, SETUP)
        handle(CancelReset(), walk, who.by(who.tess))
    assert mailbox(camera) is Mailbox.REACHED
    with time_machine.travel(now - timedelta(hours=3), tick=False):
        drill = new_id()
        handle(BeginDrill(camera), drill, who.by(who.tess))
        handle(RecordDrillMail(1, Delivery.REFUSED, "550"), drill, SETUP)
    assert mailbox(camera) is Mailbox.BOUNCING


def test_a_code_that_went_to_another_mailbox_tells_nothing_of_the_one_it_has(who: Cast) -> None:
    camera = device(who, reset_email=TO)
    walk = reset(who, camera)
    handle(SendCode(), walk, who.by(who.tess))
    handle(RecordDelivery(1, Delivery.BOUNCED, ""), walk, SETUP)
    assert mailbox(camera) is Mailbox.BOUNCING
    handle(ChangeResetEmail(TO, "keeper@example.net", who.site), camera, SETUP)
    assert mailbox(camera) is Mailbox.UNTESTED


# --- the password, and drills ---------------------------------------------------------------------


def test_a_password_is_old_after_a_year(who: Cast, settings: Any) -> None:
    camera = device(who)
    secret, account = vault.put(camera, "made-up-and-old-1"), credential_id(camera, "admin")
    begin = BeginCredential(who.organisation, who.site, camera, "admin", Purpose.DEVICE, secret)
    handle(begin, account, SETUP)
    handle(PromoteCandidate(secret), account, SETUP)
    assert facts(camera).age is Age.FRESH
    with time_machine.travel(datetime.now(UTC) + timedelta(days=366), tick=False):
        assert facts(camera).age is Age.OLD
        settings.REKEY_PASSWORD_DAYS = 400
        assert facts(camera).age is Age.FRESH


def drilled(who: Cast, camera: UUID, *jobs: Any) -> None:
    drill, by = new_id(), who.by(who.tess)
    handle(BeginDrill(camera), drill, by)
    if jobs:
        handle(EnterDrillCode(CodeKey(configured.REKEY_CODE_KEY).code(drill, 1, 8)), drill, by)
    for job in jobs:
        handle(job, drill, SETUP)


def test_the_last_drill_that_came_to_an_end_counts(who: Cast, settings: Any) -> None:
    camera, now = device(who), datetime.now(UTC)
    with time_machine.travel(now - timedelta(days=3), tick=False):
        drilled(who, camera, PassDrill())
    assert facts(camera).drilled is Drilled.PASSED
    settings.REKEY_DRILL_DAYS = 2
    assert facts(camera).drilled is Drilled.OVERDUE
    with time_machine.travel(now - timedelta(days=1), tick=False):
        drilled(who, camera, FailDrill("unreachable", "It does not answer."))
    assert facts(camera).drilled is Drilled.FAILED
    drilled(who, camera)  # under way
    assert facts(camera).drilled is Drilled.FAILED


# --- many at once ---------------------------------------------------------------------------------


def test_the_statements_are_as_many_for_one_device_as_for_many(who: Cast) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            known_of(devices(JOB))
        return len(captured)

    device(who)
    few = statements()
    for number in range(12):
        camera = device(who, reset_email=f"owner-{number}@example.com")
        if number % 3 == 0:
            after_a_test(who, camera, Delivery.DELIVERED)
            drilled(who, camera, PassDrill())
    assert statements() == few <= 8


def test_what_happened_at_another_site_counts_for_nothing_here(who: Cast) -> None:
    elsewhere = new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/London"), elsewhere, SETUP)
    here, there = new_id(), new_id()
    handle(add(who, reset_email=TO), here, who.by(who.alice))
    handle(add(who, reset_email=TO, site=elsewhere), there, who.by(who.alice))
    test = new_id()
    handle(SendTestMail(there), test, who.by(who.alice))
    handle(RecordTestMail(Delivery.BOUNCED, "550"), test, SETUP)
    assert (mailbox(there), mailbox(here)) == (Mailbox.BOUNCING, Mailbox.UNTESTED)
