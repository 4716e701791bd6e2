"""The main job, through the domain: from Forget Password to a proven new password."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from devices import vault
from devices.queries import credential_for_jobs, device_for_jobs
from devices.state import Purpose
from devices.steps.check_device import CheckDevice
from devices.virtual import Character, ThreadedFleet, default_scenario, fleet_in_thread
from fleet.errors import Conflict, Refused
from fleet.eventstore import projections
from fleet.eventstore.chain import first_break
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow, Job
from fleet.eventstore.store import read_stream
from resets.models import Reset
from resets.steps.choose_password import ChoosePassword
from resets.steps.request_reset import RequestReset
from resets.steps.send_code import SendCode
from resets.steps.verify_code import VerifyCode
from tests.cast import Cast, add_device, work

pytestmark = pytest.mark.django_db

SPECS = default_scenario(seed=7, port_base=0)
HONEST = next(s for s in SPECS if s.kind == "camera" and s.character is Character.HONEST)
LIAR = next(s for s in SPECS if s.character is Character.LIAR)


@pytest.fixture
def fleet() -> Iterator[ThreadedFleet]:
    with fleet_in_thread([HONEST, LIAR]) as running:
        yield running


def code_in(mail: object) -> str:
    found = re.search(r"^ {4}(\d{4} \d{4})\r?$", mail.text, re.M)
    assert found, repr(mail.text)
    return found[1]


def reset_until_verified(who: Cast, device, mail_sink) -> object:
    by, reset = who.by(who.tess), new_id()
    handle(RequestReset(device, "The installer left"), reset, by)
    handle(SendCode(), reset, by)
    work()
    handle(VerifyCode(code_in(mail_sink.mails()[0])), reset, by)
    return reset


def test_a_lost_password_is_reset_and_proven(who: Cast, fleet: ThreadedFleet, mail_sink) -> None:
    device = add_device(who, fleet, HONEST)
    work()
    assert device_for_jobs(device).certified
    assert device_for_jobs(device).managed

    fleet.change_password(HONEST.serial, "admin", "Changed-elsewhere-1")
    handle(CheckDevice(), device, who.by(who.tess))
    work()
    assert device_for_jobs(device).certified is False

    by, reset = who.by(who.tess), new_id()
    handle(RequestReset(device, "The installer left"), reset, by)
    handle(SendCode(), reset, by)
    work()
    [mail] = mail_sink.mails()
    with pytest.raises(Refused) as wrong:
        handle(VerifyCode("0000 0000"), reset, by)
    assert (wrong.value.code, wrong.value.facts["tries_left"]) == ("wrong_code", 4)
    handle(VerifyCode(code_in(mail)), reset, by)
    handle(ChoosePassword(), reset, by)
    work()

    row = Reset.objects.for_jobs().get(pk=reset)
    assert row.phase == "done", (row.outcome, row.doors)
    assert [(d["door"], d["login"], d["opened"]) for d in row.doors] == [
        (door, login, login == "new")
        for door in ("onvif", "rtsp")
        for login in ("wrong", "old", "new")
    ]
    credential = credential_for_jobs(device, Purpose.DEVICE)
    password = vault.get(credential.current, device)
    assert fleet.opens(HONEST.serial, "admin", password)
    assert device_for_jobs(device).certified
    assert not list(Job.objects.exclude(reaction="resets.expire_reset"))

    assert list(projections.differences()) == []
    assert first_break(read_stream(reset)) is None
    log = "\n".join(EventRow.everything.values_list("data", flat=True))
    for secret in (password, HONEST.password, code_in(mail), code_in(mail).replace(" ", "")):
        assert secret not in log


def test_a_device_that_lies_ends_as_unproven(who: Cast, fleet: ThreadedFleet, mail_sink) -> None:
    device = add_device(who, fleet, LIAR)
    work()
    reset = reset_until_verified(who, device, mail_sink)
    handle(ChoosePassword("Another-fine-one-7"), reset, who.by(who.tess))
    work()
    row = Reset.objects.for_jobs().get(pk=reset)
    assert (row.phase, row.outcome) == ("unproven", "new_refused")
    credential = credential_for_jobs(device, Purpose.DEVICE)
    assert fleet.opens(LIAR.serial, "admin", vault.get(credential.current, device))


def test_there_is_one_open_reset_per_device(who: Cast, fleet: ThreadedFleet) -> None:
    device = add_device(who, fleet, HONEST)
    work()
    handle(RequestReset(device, "First"), new_id(), who.by(who.alice))
    with pytest.raises(Conflict) as refused:
        handle(RequestReset(device, "Second"), new_id(), who.by(who.tess))
    assert refused.value.code == "reset_open_already"
