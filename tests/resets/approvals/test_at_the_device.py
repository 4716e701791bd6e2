"""What was agreed to is held against the device once more before it is touched."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest

from devices.queries import credential_for_jobs
from devices.state import Purpose
from devices.steps.change_device import ChangeDevice
from devices.virtual import Character, ThreadedFleet, default_scenario, fleet_in_thread
from fleet.eventstore import projections
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.store import read_stream
from resets.state import Phase
from resets.steps.break_glass import BreakGlass
from resets.steps.choose_password import ChoosePassword
from resets.steps.correct_mailbox import CorrectMailbox
from resets.steps.request_reset import RequestReset
from resets.steps.send_code import SendCode
from resets.steps.verify_code import VerifyCode
from tests.cast import SETUP, Cast, add_device, work
from tests.resets.approvals.asking import WHY, agree, ask_always, now
from tests.resets.test_story import code_in

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

SPECS = default_scenario(seed=7, port_base=0)
HONEST, OTHER = [s for s in SPECS if s.kind == "camera" and s.character is Character.HONEST][:2]


@pytest.fixture
def fleet() -> Iterator[ThreadedFleet]:
    with fleet_in_thread([HONEST, OTHER]) as running:
        yield running


@pytest.fixture
def camera(who: Cast, fleet: ThreadedFleet) -> UUID:
    device = add_device(who, fleet, HONEST)
    work()
    ask_always(who)
    return device


def verified(who: Cast, camera: UUID, mail_sink) -> UUID:
    """A reset that was agreed to, and whose code was typed."""
    stream, tess = new_id(), who.by(who.tess)
    handle(RequestReset(camera, "The installer left"), stream, tess)
    handle(agree(stream), stream, who.by(who.alice))
    handle(SendCode(), stream, tess)
    work()
    codes = [m for m in mail_sink.mails() if "Verification code" in m.subject]
    handle(VerifyCode(code_in(codes[0])), stream, tess)
    return stream


def elsewhere(who: Cast, fleet: ThreadedFleet, camera: UUID) -> None:
    """Somebody changes the device's address to another camera's."""
    host, port = fleet.address(OTHER.serial)
    handle(ChangeDevice(host=host, port=port), camera, who.by(who.alice))


def test_an_approval_of_another_address_touches_nothing(
    who: Cast, fleet: ThreadedFleet, camera: UUID, mail_sink
) -> None:
    stream = verified(who, camera, mail_sink)
    before = credential_for_jobs(camera, Purpose.DEVICE)
    elsewhere(who, fleet, camera)
    handle(ChoosePassword(), stream, who.by(who.tess))
    work()
    ended = now(stream)
    assert (ended.phase, ended.outcome) == (Phase.FAILED, "approval_void")
    for spec in (HONEST, OTHER):
        assert fleet.opens(spec.serial, "admin", spec.password)
    after = credential_for_jobs(camera, Purpose.DEVICE)
    assert (before.current, before.candidate) == (after.current, after.candidate)
    told = read_stream(stream)[-1].sentence
    assert "not as it was when a second person agreed" in told
    mails = [m for m in mail_sink.mails() if "failed" in m.subject]
    assert {m.message["To"] for m in mails} == {who.alice.email, "owner@example.com"}
    assert list(projections.differences()) == []


def test_as_it_was_agreed_to_it_is_carried_out(
    who: Cast, fleet: ThreadedFleet, camera: UUID, mail_sink
) -> None:
    stream = verified(who, camera, mail_sink)
    handle(ChoosePassword(), stream, who.by(who.tess))
    work()
    assert (now(stream).phase, now(stream).outcome) == (Phase.DONE, "proven")


def test_a_mailbox_that_two_have_corrected_meanwhile_does_not_undo_it(
    who: Cast, fleet: ThreadedFleet, camera: UUID, mail_sink
) -> None:
    stream, tess = new_id(), who.by(who.tess)
    handle(RequestReset(camera, "The installer left"), stream, tess)
    handle(agree(stream), stream, who.by(who.alice))
    handle(CorrectMailbox("keeper@example.com"), stream, SETUP)
    handle(SendCode(), stream, tess)
    work()
    handle(VerifyCode(code_in(mail_sink.mails("keeper@example.com")[0])), stream, tess)
    handle(ChoosePassword(), stream, tess)
    work()
    assert now(stream).phase is Phase.DONE


def test_whoever_acts_alone_is_bound_by_no_approval(
    who: Cast, fleet: ThreadedFleet, camera: UUID, mail_sink
) -> None:
    stream, alice = new_id(), who.by(who.alice)
    handle(RequestReset(camera, "The installer left"), stream, who.by(who.tess))
    handle(ChangeDevice(name="Gate east"), camera, alice)
    handle(BreakGlass(WHY), stream, alice)
    handle(ChoosePassword(), stream, alice)
    work()
    assert now(stream).phase is Phase.DONE
