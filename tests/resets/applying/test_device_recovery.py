"""The device checks the code by itself: from its challenge to the proven new password."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from devices import vault
from devices.queries import credential_for_jobs
from devices.state import Purpose
from fleet.eventstore import projections
from resets.steps.choose_password import ChoosePassword
from resets.steps.verify_code import VerifyCode
from tests.cast import Cast, cast, work
from tests.faults.ground import owed
from tests.resets.applying.ground import (
    Able,
    activated,
    code_in,
    everything_logged,
    row,
    state,
    types,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def who() -> Cast:
    return cast()


@pytest.fixture
def camera(who: Cast) -> Iterator[Able]:
    with activated(who) as able:
        yield able


def test_the_code_in_the_mail_is_the_devices_own(camera: Able, mail_sink: Any) -> None:
    camera.lose()
    reset = camera.begin()
    work()
    [mail] = mail_sink.mails()
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
