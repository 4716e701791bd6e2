"""The device checks the code by itself: from its challenge to the proven new password."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from devices import vault
from devices.drivers.errors import (
    BadAnswer,
    ChallengeVoid,
    CodeRefused,
    DeviceError,
    Unreachable,
)
from devices.drivers.recovery import Recovery
from devices.drivers.recovery_answers import KeyRefused
from devices.queries import credential_for_jobs, device_for_jobs
from devices.state import Purpose
from fleet.errors import Refused
from fleet.eventstore import projections, subscriptions
from fleet.eventstore.messages import Recorded
from fleet.eventstore.models import Job
from fleet.eventstore.store import read_stream
from fleet.mail import MailDeferred
from resets import reactions
from resets.applying import challenges
from resets.applying.recovery import MOST_CHALLENGES
from resets.delivery import sending
from resets.steps.choose_password import ChoosePassword
from resets.steps.send_code import SendCode
from resets.steps.take_challenge import BringChallenge
from resets.steps.verify_code import VerifyCode
from resets.words import RESTORE_LEFT
from tests.cast import Cast, work
from tests.faults.dying import pass_time
from tests.faults.ground import owed, row, state
from tests.resets.applying.ground import (
    Able,
    activated,
    code_in,
    code_mails,
    everything_logged,
    types,
)

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]
WRONG = "recovery wrong codes"  # where the virtual device keeps their number


@pytest.fixture
def camera(who: Cast) -> Iterator[Able]:
    with activated(who) as able:
        yield able


def test_the_code_in_the_mail_is_the_devices_own(camera: Able, mail_sink: Any) -> None:
    camera.lose()
    reset = camera.begin()
    work()
    [mail] = code_mails(mail_sink)
    assert code_in(mail).replace(" ", "") == camera.code(reset)
    camera.do(reset, VerifyCode(code_in(mail)))
    camera.do(reset, ChoosePassword())
    work()
    assert row(reset).phase == "done", (row(reset).outcome, row(reset).doors)
    assert camera.opens_with_the_current
    assert camera.opened_by() == [state(reset).secret]
    assert (camera.calls("recovery challenge"), camera.calls("recovery complete")) == (1, 1)
    assert camera.calls("SetUser") == 0, "Rekey's own account was not used"
    assert types(reset)[1:4] == ["code_issued", "challenge_taken", "code_handed_over"]
    assert not owed()
    assert list(projections.differences()) == []
    password = vault.get(credential_for_jobs(camera.id, Purpose.DEVICE).current, camera.id)
    for secret in (password, camera.code(reset), code_in(mail), camera.key.hex()):
        assert secret not in everything_logged()


def test_a_wrong_code_costs_a_try_here_and_none_at_the_device(camera: Able, mail_sink: Any) -> None:
    reset = camera.begin()
    work()
    wrong = f"{(int(camera.code(reset)) + 1) % 10**8:08}"
    with pytest.raises(Refused) as refused:
        camera.do(reset, VerifyCode(wrong))
    assert (refused.value.code, refused.value.facts["tries_left"]) == ("wrong_code", 4)
    assert camera.calls("recovery complete") == 0


# --- the device does not answer -------------------------------------------------------------------


def test_while_the_device_is_away_no_code_is_mailed_and_the_page_can_say_why(
    camera: Able, mail_sink: Any
) -> None:
    camera.fleet.power(camera.spec.serial, False)
    reset = camera.begin()
    work()
    assert (row(reset).delivery, row(reset).waiting_for) == ("queued", "unreachable")
    assert "it does not answer" in read_stream(reset)[-1].sentence
    with pytest.raises(Refused) as early:
        camera.do(reset, VerifyCode("12345678"))
    assert early.value.code == "code_not_made"
    assert BringChallenge.offered(state(reset), timezone.now())
    assert code_mails(mail_sink) == []

    camera.fleet.power(camera.spec.serial, True)
    pass_time(60)
    work()
    [mail] = code_mails(mail_sink)
    assert code_in(mail).replace(" ", "") == camera.code(reset)
    assert row(reset).waiting_for == ""


def test_when_it_stays_away_that_is_said_once_the_code_has_expired(
    camera: Able, mail_sink: Any
) -> None:
    camera.fleet.power(camera.spec.serial, False)
    reset = camera.begin()
    with time_machine.travel(timezone.now() + timedelta(minutes=11), tick=False):
        work()
    assert row(reset).delivery == "refused"
    assert "gave no challenge" in row(reset).delivery_detail
    assert not owed() and code_mails(mail_sink) == []


def test_a_job_that_comes_back_answers_the_challenge_that_it_has_recorded(
    camera: Able, mail_sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver = sending.deliver

    def later(letter: Any) -> Any:
        raise MailDeferred(451, "later")

    monkeypatch.setattr(sending, "deliver", later)
    reset = camera.begin()
    work()
    first = state(reset).taken
    assert first and row(reset).delivery == "deferred"
    monkeypatch.setattr(sending, "deliver", deliver)
    pass_time(60)
    work()
    assert state(reset).taken == first
    assert camera.calls("recovery challenge") == 1
    assert len(code_mails(mail_sink)) == 1


def test_of_two_workers_the_second_one_takes_no_other_challenge(
    camera: Able, mail_sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would void the first one's, whose code is in the mail."""
    talking = challenges.talking

    @contextmanager
    def late(device: Any, recorded: Recorded, job: str) -> Iterator[Any]:
        monkeypatch.setattr(challenges, "talking", talking)
        reactions.ask_for_challenge(recorded)
        with talking(device, recorded, job) as talk:
            yield talk

    monkeypatch.setattr(challenges, "talking", late)
    reset = camera.begin()
    work()
    assert camera.calls("recovery challenge") == 1
    assert {code_in(mail).replace(" ", "") for mail in code_mails(mail_sink)} == {
        camera.code(reset)
    }


def test_the_challenge_is_taken_inside_the_site_and_the_code_is_mailed_from_anywhere(
    camera: Able, mail_sink: Any
) -> None:
    inside = Job.objects.filter(subscriptions.for_workers_of([camera.who.site]))
    reset = camera.begin()
    subscriptions.pump()
    subscriptions.run(inside.get().id)
    subscriptions.pump()
    assert camera.calls("recovery challenge") == 1
    assert code_mails(mail_sink) == [] and not inside.exists()
    work()
    assert [code_in(mail).replace(" ", "") for mail in code_mails(mail_sink)] == [
        camera.code(reset)
    ]


def test_for_a_code_that_was_replaced_no_challenge_is_taken(camera: Able, mail_sink: Any) -> None:
    """Else the one that replaced it would be mailed for two reasons, by two workers at a time."""
    reset = camera.begin()
    subscriptions.pump()
    with time_machine.travel(timezone.now() + timedelta(seconds=61), tick=True):
        camera.do(reset, SendCode())
        subscriptions.run(Job.objects.get(reaction="resets.ask_for_challenge").id)
        assert camera.calls("recovery challenge") == 0
        work()
    assert camera.calls("recovery challenge") == 1
    assert [code_in(mail).replace(" ", "") for mail in code_mails(mail_sink)] == [
        camera.code(reset)
    ]


# --- the challenge runs out -----------------------------------------------------------------------


def test_after_the_code_was_right_rekey_takes_another_challenge_by_itself(
    camera: Able, mail_sink: Any
) -> None:
    reset = camera.begin()
    work()
    code = camera.code(reset)
    began = timezone.now()
    with time_machine.travel(began + timedelta(minutes=9), tick=True):
        camera.do(reset, VerifyCode(code))
    with time_machine.travel(began + timedelta(minutes=12), tick=True):
        camera.do(reset, ChoosePassword())
        work()
    assert row(reset).phase == "done"
    assert types(reset).count("challenge_taken") == 2
    assert len(code_mails(mail_sink)) == 1, "nobody is asked for another code"


def test_a_stranger_who_voids_the_challenge_is_in_vain(camera: Able, mail_sink: Any) -> None:
    reset = camera.begin()
    work()
    camera.do(reset, VerifyCode(camera.code(reset)))
    asyncio.run(camera.recovery.challenge())
    camera.do(reset, ChoosePassword())
    work()
    assert row(reset).phase == "done"
    assert camera.opened_by() == [state(reset).secret]


def test_one_who_keeps_voiding_it_ends_it_with_the_password_as_it_was(
    camera: Able, mail_sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = Recovery.complete

    async def voided(self: Recovery, *given: Any) -> None:
        await self.challenge()
        await complete(self, *given)

    monkeypatch.setattr(Recovery, "complete", voided)
    reset = camera.begin()
    camera.choose(reset)
    work()
    assert (row(reset).phase, row(reset).outcome) == ("failed", "challenge_void")
    assert camera.calls("recovery complete") == MOST_CHALLENGES
    assert camera.opens_with_the_current


# --- answers that are lost, or lies ---------------------------------------------------------------


@pytest.mark.parametrize("error", [Unreachable, BadAnswer, ChallengeVoid, KeyRefused])
def test_whatever_the_answer_the_new_password_is_tried_before_it_is_given_up(
    camera: Able, mail_sink: Any, monkeypatch: pytest.MonkeyPatch, error: type[DeviceError]
) -> None:
    complete = Recovery.complete

    async def lost(self: Recovery, *given: Any) -> None:
        await complete(self, *given)
        problem = error()
        problem.maybe_done = True
        raise problem

    monkeypatch.setattr(Recovery, "complete", lost)
    reset = camera.begin()
    camera.choose(reset)
    work()
    assert row(reset).phase == "done"
    assert camera.calls("recovery complete") == 1
    assert camera.opened_by() == [state(reset).secret]


def test_a_device_that_holds_another_key_fails_it_and_the_restore_is_left(
    camera: Able, mail_sink: Any
) -> None:
    camera.flash["recovery key"] = bytes(32).hex()
    reset = camera.begin()
    camera.choose(reset)
    work()
    assert (row(reset).phase, row(reset).outcome) == ("failed", "recovery_key_refused")
    assert row(reset).outcome in RESTORE_LEFT
    assert camera.candidate == state(reset).secret, "nobody has sealed that it is not there"
    assert camera.opens_with_the_current


def test_one_that_forgot_its_key_says_so_before_any_mail(camera: Able, mail_sink: Any) -> None:
    del camera.flash["recovery key"]
    reset = camera.begin()
    work()
    assert (row(reset).phase, row(reset).outcome) == ("failed", "not_supported")
    assert row(reset).outcome in RESTORE_LEFT and code_mails(mail_sink) == []


# --- its own count of wrong codes -----------------------------------------------------------------


def test_its_last_try_is_never_spent(camera: Able, mail_sink: Any) -> None:
    camera.flash[WRONG] = "4"
    reset = camera.begin()
    work()
    assert (row(reset).phase, row(reset).outcome) == ("failed", "last_code_try")
    assert row(reset).outcome in RESTORE_LEFT
    assert camera.flash[WRONG] == "4" and code_mails(mail_sink) == []


def test_while_it_is_locked_it_is_waited_for(camera: Able, mail_sink: Any) -> None:
    camera.flash[WRONG] = "5"
    camera.fleet.reboot(camera.spec.serial)
    reset = camera.begin()
    work()
    assert (row(reset).phase, row(reset).waiting_for) == ("code_sent", "recovery_locked")
    assert "takes no codes" in read_stream(reset)[-1].sentence
    with time_machine.travel(timezone.now() + timedelta(seconds=31), tick=True):
        work()
    assert len(code_mails(mail_sink)) == 1


def test_one_that_is_closed_fails_it_and_the_restore_is_left(camera: Able, mail_sink: Any) -> None:
    camera.flash[WRONG] = "100"
    reset = camera.begin()
    work()
    assert (row(reset).phase, row(reset).outcome) == ("failed", "closed")
    assert row(reset).outcome in RESTORE_LEFT and code_mails(mail_sink) == []
    assert device_for_jobs(camera.id).trouble == "", "its logins are another matter"


def test_one_that_refuses_the_right_code_is_not_asked_again(
    camera: Able, mail_sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(self: Recovery, *given: Any) -> None:
        raise CodeRefused(3)

    monkeypatch.setattr(Recovery, "complete", refused)
    reset = camera.begin()
    camera.choose(reset)
    work()
    assert (row(reset).phase, row(reset).outcome) == ("failed", "recovery_refused")
    assert row(reset).outcome in RESTORE_LEFT
    assert camera.candidate is None


def test_the_recovery_key_is_shown_to_nobody(camera: Able) -> None:
    with pytest.raises(Refused) as refused:
        vault.reveal(camera.id, "recovery key", "Curious", camera.who.by(camera.who.alice))
    assert refused.value.code == "key_never_shown"
