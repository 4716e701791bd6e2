"""A device that Rekey does not reach: its challenge, the order and its result go by hand."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.utils import timezone

from devices import vault
from devices.queries import credential_for_jobs
from devices.state import Purpose
from devices.steps.check_device import CheckDevice
from fleet.eventstore import projections
from fleet.eventstore.handling import handle
from resets.applying.orders import order_paper, signer
from resets.state import RecoveryMethod
from resets.steps.bring_result import BringResult
from resets.steps.choose_password import ChoosePassword
from resets.steps.take_challenge import BringChallenge
from resets.steps.verify_code import VerifyCode
from tests.cast import Cast, work
from tests.faults.dying import pass_time
from tests.faults.ground import row, state
from tests.resets.applying.ground import (
    Able,
    activated,
    code_in,
    code_mails,
    everything_logged,
    types,
)

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]
ROOT = Path(__file__).parents[3]


@pytest.fixture
def camera(who: Cast) -> Iterator[Able]:
    with activated(who) as able:
        yield able


def at_the_device(folder: Path, *words: str) -> str:
    """The command as it is typed, with none of Rekey's settings at hand."""
    done = subprocess.run(
        [sys.executable, ROOT / "manage.py", "apply-offline", *words],
        cwd=folder, env={"REKEY_LOCAL_DEVICES": "127.0.0.0/8"}, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def out_of_reach(camera: Able) -> None:
    camera.fleet.power(camera.spec.serial, False)


def back_in_reach(camera: Able) -> None:
    camera.fleet.power(camera.spec.serial, True)


def order_for(camera: Able, reset: UUID, mail_sink: Any, folder: Path) -> str:
    """Up to the order, as its file is downloaded."""
    host, port = camera.fleet.address(camera.spec.serial, "recovery")
    at_the_device(folder, "challenge", f"{host}:{port}")
    camera.do(reset, BringChallenge((folder / "challenge.json").read_text()))
    work()
    camera.do(reset, VerifyCode(code_in(code_mails(mail_sink)[-1])))
    camera.do(reset, ChoosePassword())
    work()
    assert row(reset).phase == "applying"
    paper = order_paper(camera.who.by(camera.who.alice).actor, reset)
    again = order_paper(camera.who.by(camera.who.alice).actor, reset)
    assert again.text() == paper.text(), "the same order each time"
    (folder / "order.json").write_text(paper.text())
    return paper.text()


def test_the_code_and_the_signed_order_are_enough(
    camera: Able, mail_sink: Any, tmp_path: Path
) -> None:
    camera.lose()
    out_of_reach(camera)
    reset = camera.begin()
    work()
    assert (row(reset).delivery, row(reset).waiting_for) == ("queued", "unreachable")
    back_in_reach(camera)  # of whoever stands before it
    order = order_for(camera, reset, mail_sink, tmp_path)
    said = at_the_device(tmp_path, "apply", "order.json", f"--key={signer().public}")
    result = (tmp_path / "result.json").read_text()
    assert not camera.opens_with_the_current, "Rekey does not know yet"
    assert camera.opened_by() == [state(reset).secret], "and yet has it, as the candidate"
    out_of_reach(camera)
    camera.do(reset, BringResult(result))
    work()
    assert camera.opens_with_the_current
    assert (row(reset).phase, row(reset).outcome) == ("unproven", "signed")
    assert [(d["door"], d["opened"]) for d in row(reset).doors] == [
        ("onvif", None),
        ("rtsp", None),
    ]

    back_in_reach(camera)
    handle(CheckDevice(), camera.id, camera.who.by(camera.who.alice))
    work()
    assert (row(reset).phase, row(reset).outcome) == ("done", "proven")
    assert list(projections.differences()) == []
    assert types(reset) == [
        "reset_requested", "code_issued", "device_waited_for", "code_issued", "challenge_brought",
        "code_handed_over", "code_verified", "password_generated", "order_made",
        "result_brought", "reset_unproven", "reset_proven",
    ]  # fmt: skip
    password = vault.get(credential_for_jobs(camera.id, Purpose.DEVICE).current, camera.id)
    for secret in (password, camera.code(reset), code_in(code_mails(mail_sink)[-1])):
        for place in (order, said, result, everything_logged()):
            assert secret not in place


def test_what_has_another_password_by_now_is_not_judged_again(
    camera: Able, mail_sink: Any, tmp_path: Path
) -> None:
    reset = camera.request()
    order_for(camera, reset, mail_sink, tmp_path)
    at_the_device(tmp_path, "apply", "order.json", f"--key={signer().public}")
    out_of_reach(camera)
    camera.do(reset, BringResult((tmp_path / "result.json").read_text()))
    work()
    assert row(reset).outcome == "signed"
    back_in_reach(camera)
    camera.method = RecoveryMethod.MANAGEMENT_ACCOUNT
    newer = camera.begin_and_choose()
    work()
    assert row(newer).phase == "done"
    handle(CheckDevice(), camera.id, camera.who.by(camera.who.alice))
    pass_time(900)
    work()
    assert (row(reset).phase, row(reset).outcome) == ("unproven", "signed")


def test_when_nobody_brings_the_result_within_a_day_the_password_is_still_known(
    camera: Able, mail_sink: Any, tmp_path: Path
) -> None:
    reset = camera.request()
    order_for(camera, reset, mail_sink, tmp_path)
    at_the_device(tmp_path, "apply", "order.json", f"--key={signer().public}")
    with time_machine.travel(timezone.now() + timedelta(minutes=16), tick=True):
        work()
        assert row(reset).phase == "applying", "the usual patience does not hold here"
    with time_machine.travel(timezone.now() + timedelta(hours=24), tick=True):
        work()
        assert (row(reset).phase, row(reset).outcome) == ("failed", "order_unanswered")
        assert camera.opened_by() == [state(reset).secret]
        handle(CheckDevice(), camera.id, camera.who.by(camera.who.alice))
        work()
    assert camera.opens_with_the_current, "a look at the device finds out"
