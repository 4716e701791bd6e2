"""A worker that is killed at each point of the ways onto a device that are not Rekey's own account:
the device's own check of the code, the order that people carry, the factory restore, and the
password that is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from devices import doors, lock_outs, vault
from devices.drivers.recovery_crypto import b64
from devices.passwords import PasswordRules
from devices.queries import device_for_jobs
from devices.state import CredentialState, credential_id
from devices.virtual import fleet_in_thread, uniform_scenario
from devices.virtual.spec import PasswordPolicy
from fleet.eventstore import projections, subscriptions
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.store import state_of
from resets.applying.offline import carried_out
from resets.applying.orders import order_paper
from resets.campaigns.forecast import agreed_facts
from resets.limits.models import LimitUse
from resets.state import RecoveryMethod
from resets.steps.begin_in_campaign import BeginInCampaign
from resets.steps.bring_result import BringResult
from resets.steps.choose_password import ChoosePassword
from resets.steps.request_reset import DeviceFacts
from resets.steps.take_challenge import BringChallenge
from resets.steps.verify_code import VerifyCode
from tests.cast import SETUP, Cast, cast, work
from tests.devices.recovery_bench import run
from tests.faults.dying import pass_time, run_until
from tests.faults.ground import Camera, job_of, owed, row, state
from tests.resets.applying.ground import MAILBOX, Able, activated, code_in, code_mails, types

# What a death in a commit does is asked of both databases by `test_every_point`.
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("no_broker"),
    pytest.mark.one_database,
]

LONGEST = max(doors.LEASE.total_seconds(), lock_outs.UNKNOWN.forgets) + 1


@pytest.fixture
def camera(transactional_db: None) -> Iterator[Able]:
    who: Cast = cast()
    with activated(who) as able:
        yield able


def wake_up_later() -> None:
    """Leases run out, login tries come back that nobody knows the end of, and days go by."""
    pass_time(LONGEST)
    LimitUse.objects.all().delete()
    work()


def at_each_point(
    reaction: str,
    begin: Callable[[], UUID],
    after: Callable[[UUID], None],
    died: Callable[[UUID], None] = lambda reset: None,
) -> set[str]:
    """Begin anew for each point of a job after which something has changed; let its worker be
    killed there, and see what becomes of it. The points of the whole job.
    """
    reset = begin()
    whole = run_until(job_of(reaction), 10_000)
    assert not whole.killed
    wake_up_later()
    after(reset)
    for point, name in enumerate(whole.points, start=1):
        if not name.startswith("after"):
            continue
        reset = begin()
        life = run_until(job_of(reaction), point)
        told = f"killed {life.points[-1]} ({point})"
        try:
            assert life.killed
            died(reset)
            wake_up_later()
            after(reset)
        except AssertionError as error:
            raise AssertionError(f"{told}: {error}") from error
    counted = LimitUse._meta.db_table  # whose days have gone by
    assert [one for one in projections.differences() if one.table != counted] == []
    return set(whole.points)


# --- the device's own check -----------------------------------------------------------------------


def test_wherever_a_challenge_is_lost_the_code_in_the_mail_is_the_devices_own(
    camera: Able, mail_sink: Any
) -> None:
    def mailed(reset: UUID) -> None:
        assert row(reset).delivery == "handed_over"
        own = [m for m in code_mails(mail_sink) if str(reset) in m.message["Message-ID"]]
        assert {code_in(mail).replace(" ", "") for mail in own} == {camera.code(reset)}
        camera.do(reset, VerifyCode(camera.code(reset)))
        camera.do(reset, ChoosePassword())
        work()
        assert row(reset).phase == "done"
        assert not owed()

    def challenged() -> UUID:
        reset = camera.begin()
        subscriptions.run(job_of("resets.ask_for_challenge"))
        return reset

    assert "after challenge" in at_each_point("resets.ask_for_challenge", camera.begin, mailed)
    assert "after a mail" in at_each_point("resets.mail_code", challenged, mailed)


def test_wherever_the_worker_is_killed_the_device_ends_with_one_known_password(
    camera: Able, mail_sink: Any
) -> None:
    def known(reset: UUID) -> None:
        assert len(camera.opened_by()) == 1

    def done(reset: UUID) -> None:
        assert row(reset).phase == "done", row(reset).outcome
        assert camera.opened_by() == [state(reset).secret]
        assert camera.opens_with_the_current
        assert not owed()

    points = at_each_point("resets.apply_password", camera.begin_and_choose, done, known)
    assert "after complete" in points


# --- the order ------------------------------------------------------------------------------------


def out_of_reach(camera: Able) -> UUID:
    """Up to the password, with a challenge that somebody has brought."""
    reset = camera.request()
    given = run(camera.recovery.challenge())
    camera.do(reset, BringChallenge(given.id, b64(given.value), camera.spec.serial))
    work()
    camera.do(reset, VerifyCode(camera.code(reset)))
    camera.do(reset, ChoosePassword())
    return reset


def carried(camera: Able, reset: UUID) -> str:
    """To the device, and back with its answer."""
    order = order_paper(camera.who.by(camera.who.alice).actor, reset)
    return run(carried_out(order)).text()


def test_wherever_an_order_is_lost_there_is_one_and_it_is_taken(
    camera: Able, mail_sink: Any
) -> None:
    def given(reset: UUID) -> None:
        assert types(reset).count("order_made") == 1
        assert camera.candidate == state(reset).secret, "before anybody carries it"
        camera.do(reset, BringResult(carried(camera, reset)))
        work()
        assert row(reset).phase == "done"
        assert camera.opened_by() == [state(reset).secret]

    at_each_point("resets.give_order", lambda: out_of_reach(camera), given)


def test_wherever_a_result_is_lost_the_password_is_current_and_proven(
    camera: Able, mail_sink: Any
) -> None:
    def brought() -> UUID:
        reset = out_of_reach(camera)
        work()
        camera.do(reset, BringResult(carried(camera, reset)))
        return reset

    def done(reset: UUID) -> None:
        assert row(reset).phase == "done", row(reset).outcome
        assert camera.opened_by() == [state(reset).secret]
        assert camera.opens_with_the_current

    at_each_point("resets.settle_order", brought, done)


# --- the factory restore --------------------------------------------------------------------------


def test_wherever_the_first_password_is_lost_the_restored_device_is_rekeys_again(
    camera: Able, mail_sink: Any
) -> None:
    camera.method = RecoveryMethod.FACTORY_RESTORE

    def restored() -> UUID:
        reset = camera.begin_and_choose()
        camera.fleet.factory_reset(camera.spec.serial)
        return reset

    def known(reset: UUID) -> None:
        account = state_of(CredentialState, credential_id(camera.id, "admin"))
        assert not camera.is_set or camera.opened_by()[0] in account.known

    def done(reset: UUID) -> None:
        assert row(reset).phase == "done", row(reset).outcome
        assert camera.opened_by() == [state(reset).secret]
        assert camera.opens_with_the_current
        assert camera.flash["recovery key"] == camera.key.hex()
        device = device_for_jobs(camera.id)
        assert (device.fresh, device.managed, device.certified) == (False, True, True)
        assert not owed()

    points = at_each_point("resets.apply_password", restored, done, known)
    assert {"after activate", "after CreateUsers"} <= points


# --- the password that is known -------------------------------------------------------------------


@pytest.mark.parametrize("cut", [0, 10])
def test_wherever_a_rotation_by_the_known_password_dies_the_device_has_one_known_password(
    transactional_db: None, cut: int
) -> None:
    who = cast()
    [drawn] = uniform_scenario(seed=3, count=1, port_base=0)
    spec = replace(drawn, max_users=1, lockout_tries=5, policy=PasswordPolicy(cut=cut))
    with fleet_in_thread([spec]) as fleet:
        camera = Camera.added(who, fleet, spec)
        work()
        known = RecoveryMethod.KNOWN_PASSWORD
        device = device_for_jobs(camera.id)
        assert device.certified
        assert not device.managed

        def begin() -> UUID:
            reset, secret = new_id(), vault.put(camera.id, PasswordRules().generate())
            facts = DeviceFacts(
                camera.id, who.organisation, who.site, "", "admin", MAILBOX, (known,)
            )
            agreed = agreed_facts(device_for_jobs(camera.id), known, "Quarterly")
            command = BeginInCampaign(
                campaign=new_id(), facts=facts, method=known, reason="Quarterly", planner="Alice",
                planner_id="1", approver="Ada", digest=agreed, by_code=False, secret=secret,
            )  # fmt: skip
            handle(command, reset, SETUP)
            return reset

        def one(reset: UUID) -> None:
            assert cut or len(camera.opened_by()) == 1

        def done(reset: UUID) -> None:
            assert row(reset).outcome == ("cut" if cut else "proven")
            assert len(camera.opened_by()) == 1
            assert cut or camera.opened_by() == [state(reset).secret]
            assert camera.opens_with_the_current
            assert fleet.locks(spec.serial)["times"] == 0
            assert not owed()

        points = at_each_point("resets.apply_password", begin, done, one)
    assert {"before SetUser", "after SetUser"} <= points
