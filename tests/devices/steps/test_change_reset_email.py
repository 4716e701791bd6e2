"""A device's Reset Password Email becomes another one: by Rekey alone, and from a known one."""

from __future__ import annotations

from uuid import UUID

from devices.steps.change_reset_email import ChangeResetEmail, ResetEmailChanged
from devices.steps.remove_device import DeviceRemoved
from fleet.accounts.state import Role
from fleet.eventstore.testing import given
from tests.devices.steps.story import ADDED

OLD, NEW, SITE = ADDED.reset_email, "keeper@example.net", ADDED.site
CHANGED = ResetEmailChanged(NEW, OLD, "k•••r@e•••e.net")


def test_the_mailbox_is_another_one_from_then_on() -> None:
    state = given(ADDED).when(ChangeResetEmail(OLD, NEW, SITE)).then(CHANGED)
    assert state.reset_email == NEW


def test_done_twice_it_is_done_once() -> None:
    given(ADDED, CHANGED).when(ChangeResetEmail(OLD, NEW, SITE)).then_nothing()


def test_a_mailbox_that_is_not_the_one_that_was_agreed_to_replace_stays() -> None:
    given(ADDED).when(ChangeResetEmail("somebody@example.com", NEW, SITE)).then_nothing()


def test_a_device_that_has_left_the_fleet_is_left_alone() -> None:
    gone = DeviceRemoved("Broken")
    given(ADDED, gone).when(ChangeResetEmail(OLD, NEW, SITE)).then_nothing()


def test_a_device_that_is_at_another_site_by_now_is_left_alone() -> None:
    given(ADDED).when(ChangeResetEmail(OLD, NEW, UUID(int=99))).then_nothing()


def test_only_rekey_itself_does_it_and_its_sentence_tells_a_part() -> None:
    assert ChangeResetEmail.by == Role.JOB
    assert NEW not in CHANGED.told("Rekey")
    assert OLD not in CHANGED.told("Rekey")
