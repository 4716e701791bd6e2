"""A dead mailbox, corrected by two while a reset is open: the code comes to the new one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from devices.queries import device_for_jobs
from devices.virtual import Character, ThreadedFleet, default_scenario, fleet_in_thread
from fleet.eventstore import projections
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from resets.mailboxes.proposing import propose
from resets.models import Reset
from resets.steps.choose_password import ChoosePassword
from resets.steps.request_reset import RequestReset
from resets.steps.send_code import SendCode
from resets.steps.verify_code import VerifyCode
from tests.cast import Cast, add_device, work
from tests.resets.mailboxes.ground import NEW, OLD, REASON, agree, row, told
from tests.resets.test_story import code_in

pytestmark = pytest.mark.django_db

SPECS = default_scenario(seed=7, port_base=0)
HONEST = next(s for s in SPECS if s.kind == "camera" and s.character is Character.HONEST)


@pytest.fixture
def fleet() -> Iterator[ThreadedFleet]:
    with fleet_in_thread([HONEST]) as running:
        yield running


def seen(reset: Any) -> Reset:
    found: Reset = Reset.objects.for_jobs().get(pk=reset)
    return found


def test_a_dead_mailbox_is_corrected_by_two_and_the_reset_goes_on(
    who: Cast, fleet: ThreadedFleet, mail_sink: Any
) -> None:
    device = add_device(who, fleet, HONEST, email=OLD)
    work()
    tess, reset = who.by(who.tess), new_id()
    handle(RequestReset(device, "The installer left"), reset, tess)
    mail_sink.refuse(OLD)
    handle(SendCode(), reset, tess)
    work()
    assert (seen(reset).delivery, mail_sink.mails()) == ("refused", [])

    change = propose(device, NEW, REASON, tess)
    agree(who, change)
    work()
    assert device_for_jobs(device).reset_email == NEW
    assert (seen(reset).phase, seen(reset).delivery) == ("requested", "none")
    assert seen(reset).mailbox == "k•••r@e•••e.net"
    changed = [mail.to[0] for mail in mail_sink.mails() if "was changed" in mail.subject]
    assert sorted(changed) == sorted(["alice@example.com", NEW, "tess@example.com"])

    handle(SendCode(), reset, tess)
    work()
    [code] = [mail for mail in mail_sink.mails(NEW) if "code" in mail.subject]
    handle(VerifyCode(code_in(code)), reset, tess)
    handle(ChoosePassword(), reset, tess)
    work()
    done = seen(reset)
    assert (done.phase, done.sends) == ("done", 2), (done.outcome, done.doors)
    assert row(change).stage == "changed"
    assert mail_sink.mails(OLD) == []
    assert list(projections.differences()) == []
    sentences = " ".join(told(device) + told(reset) + told(change))
    assert OLD not in sentences
    assert NEW not in sentences
