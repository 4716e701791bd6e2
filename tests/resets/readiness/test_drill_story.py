"""A drill from its button to its end, with a device, a mail server and a worker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine

from devices.virtual import Character, ThreadedFleet, default_scenario, fleet_in_thread
from fleet.errors import Refused
from fleet.eventstore import projections
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow
from resets.readiness import queries
from resets.readiness.models import Drill
from resets.readiness.score import Drilled, Mailbox, Way
from resets.readiness.steps import BeginDrill, EnterDrillCode, SendDrillCode
from resets.steps.request_reset import RequestReset
from tests.cast import Cast, add_device, work
from tests.resets.applying.ground import activated

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

SPECS = default_scenario(seed=7, port_base=0)
HONEST = next(s for s in SPECS if s.kind == "camera" and s.character is Character.HONEST)


@pytest.fixture
def fleet() -> Iterator[ThreadedFleet]:
    with fleet_in_thread([HONEST]) as running:
        yield running


def code_in(mail: Any) -> str:
    found = re.search(r"^ {4}(\d{4} \d{4})\r?$", mail.text, re.M)
    assert found, repr(mail.text)
    return found[1]


def begun(who: Cast, device: UUID) -> UUID:
    drill = new_id()
    handle(BeginDrill(device), drill, who.by(who.tess))
    work()
    return drill


def row(drill: UUID) -> Drill:
    found: Drill = Drill.objects.for_jobs().get(pk=drill)
    return found


def facts(who: Cast, device: UUID) -> Any:
    return queries.of_device(who.by(who.tess).actor, device).known.facts


def test_a_drill_proves_that_a_reset_would_work_and_changes_nothing(
    who: Cast, fleet: ThreadedFleet, mail_sink: Any
) -> None:
    device = add_device(who, fleet, HONEST)
    work()
    assert (facts(who, device).mailbox, facts(who, device).drilled) == (
        Mailbox.UNTESTED,
        Drilled.OVERDUE,
    )
    before = queries.of_device(who.by(who.tess).actor, device).score

    drill = begun(who, device)
    [mail] = mail_sink.mails()
    assert mail.to == ["owner@example.com"]
    assert mail.subject.startswith("Drill")
    assert mail.text.startswith("This is a drill. No password is changed by it.")
    by = who.by(who.tess)
    with pytest.raises(Refused) as wrong:
        handle(EnterDrillCode("0000 0000"), drill, by)
    assert (wrong.value.code, wrong.value.facts["tries_left"]) == ("wrong_code", 4)
    handle(EnterDrillCode(code_in(mail)), drill, by)
    work()

    assert (row(drill).phase, row(drill).open) == ("passed", False)
    assert (facts(who, device).mailbox, facts(who, device).drilled) == (
        Mailbox.REACHED,
        Drilled.PASSED,
    )
    after = queries.of_device(who.by(who.tess).actor, device).score
    assert after.value == before.value + 16
    assert fleet.opens(HONEST.serial, "admin", HONEST.password), "its password is what it was"
    assert list(projections.differences()) == []
    told = EventRow.everything.filter(stream=drill).values_list("data", flat=True)
    assert code_in(mail).replace(" ", "") not in "".join(told)


def test_after_half_a_year_another_drill_is_due(
    who: Cast, fleet: ThreadedFleet, mail_sink: Any
) -> None:
    device = add_device(who, fleet, HONEST)
    work()
    drill = begun(who, device)
    handle(EnterDrillCode(code_in(mail_sink.mails()[0])), drill, who.by(who.tess))
    work()
    with time_machine.travel(datetime.now(UTC) + timedelta(days=179), tick=False):
        assert facts(who, device).drilled is Drilled.PASSED
    with time_machine.travel(datetime.now(UTC) + timedelta(days=181), tick=False):
        assert facts(who, device).drilled is Drilled.OVERDUE


def test_a_drill_finds_out_that_rekeys_own_account_is_gone(
    who: Cast, fleet: ThreadedFleet, mail_sink: Any
) -> None:
    device = add_device(who, fleet, HONEST)
    work()
    fleet.change_password(HONEST.serial, "rekey", "Changed-elsewhere-1")
    drill = begun(who, device)
    handle(EnterDrillCode(code_in(mail_sink.mails()[0])), drill, who.by(who.tess))
    work()
    assert (row(drill).phase, row(drill).outcome) == ("failed", "not_authorised")
    assert facts(who, device).drilled is Drilled.FAILED
    assert fleet.opens(HONEST.serial, "admin", HONEST.password)


def test_a_device_that_is_away_is_waited_for_and_then_the_drill_fails(
    who: Cast, fleet: ThreadedFleet, mail_sink: Any
) -> None:
    device = add_device(who, fleet, HONEST)
    work()
    drill = begun(who, device)
    fleet.power(HONEST.serial, on=False)
    handle(EnterDrillCode(code_in(mail_sink.mails()[0])), drill, who.by(who.tess))
    work()
    assert (row(drill).phase, row(drill).waiting_for) == ("checking", "unreachable")
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=6), tick=True):
        work()
    assert (row(drill).phase, row(drill).outcome) == ("failed", "unreachable")


def test_another_code_replaces_the_one_before(
    who: Cast, fleet: ThreadedFleet, mail_sink: Any
) -> None:
    device = add_device(who, fleet, HONEST)
    work()
    drill, by = begun(who, device), who.by(who.tess)
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=61), tick=True):
        handle(SendDrillCode(), drill, by)
        work()
        second, first = mail_sink.mails()
        with pytest.raises(Refused):
            handle(EnterDrillCode(code_in(first)), drill, by)
        handle(EnterDrillCode(code_in(second)), drill, by)


def test_a_drill_whose_code_nobody_types_expires(
    who: Cast, fleet: ThreadedFleet, mail_sink: Any
) -> None:
    device = add_device(who, fleet, HONEST)
    work()
    drill = begun(who, device)
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=61), tick=True):
        work()
    assert row(drill).phase == "expired"
    assert facts(who, device).drilled is Drilled.OVERDUE
    assert facts(who, device).mailbox is Mailbox.REACHED, "the mail server took it"


def test_the_way_of_a_device_that_checks_codes_itself_is_asked_for_a_challenge(
    who: Cast, mail_sink: Any
) -> None:
    with activated(who, max_users=1) as camera:  # so that there is no room for Rekey's own account
        work()
        assert facts(who, camera.id).way is Way.NO_ACCOUNT
        drill = begun(who, camera.id)
        handle(EnterDrillCode(code_in(mail_sink.mails()[0])), drill, who.by(who.tess))
        work()
        assert (row(drill).method, row(drill).phase) == ("device_recovery", "passed")
        assert (camera.calls("recovery challenge"), camera.calls("recovery complete")) == (1, 0)


def test_no_challenge_is_asked_for_while_a_reset_may_hold_one(who: Cast, mail_sink: Any) -> None:
    with activated(who, max_users=1) as camera:
        work()
        drill, by = begun(who, camera.id), who.by(who.tess)
        code = code_in(mail_sink.mails()[0])
        handle(RequestReset(camera.id, "Lost"), new_id(), by)
        handle(EnterDrillCode(code), drill, by)
        work()
        assert row(drill).phase == "passed"
        assert camera.calls("recovery challenge") == 0


def test_a_drill_finds_out_that_the_device_takes_no_codes(who: Cast, mail_sink: Any) -> None:
    with activated(who, max_users=1) as camera:
        work()
        drill = begun(who, camera.id)
        camera.flash["recovery wrong codes"] = "4"
        handle(EnterDrillCode(code_in(mail_sink.mails()[0])), drill, who.by(who.tess))
        work()
        assert (row(drill).phase, row(drill).outcome) == ("failed", "last_code_try")
