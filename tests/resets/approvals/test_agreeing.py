"""Approval and broken glass through the front door: who may, when, and only once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.utils import timezone

from devices.queries import device_for_jobs
from devices.state import Kind
from devices.steps.change_device import ChangeDevice
from devices.steps.take_in_device import RecordManagementAccount
from fleet.accounts.state import Role
from fleet.errors import Conflict, Forbidden, RekeyError
from fleet.eventstore import projections
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from resets import queries as resets
from resets.approvals import queries
from resets.approvals.lines import count, waiting
from resets.state import Phase
from resets.steps.approve_reset import ApproveReset, DeclineReset
from resets.steps.break_glass import BreakGlass, ReviewBreakGlass
from resets.steps.request_reset import RequestReset
from resets.steps.send_code import SendCode
from resets.steps.verify_code import VerifyCode
from tests.cast import SETUP, Cast, person
from tests.fleet.eventstore.ground import add, device, reset
from tests.resets.approvals.asking import WHY, agree, ask_always, asked, by_token, do, dora, now


def refused(attempt: Any) -> RekeyError:
    with pytest.raises(RekeyError) as error:
        attempt()
    return error.value


# --- agreed and declined --------------------------------------------------------------------------


def test_an_administrator_agrees_and_the_reset_goes_on(who: Cast) -> None:
    stream = asked(who)
    tess = who.by(who.tess)
    assert refused(lambda: handle(SendCode(), stream, tess)).code == "not_approved"
    handle(agree(stream), stream, who.by(who.alice))
    assert (now(stream).phase, now(stream).approver) == (Phase.REQUESTED, "Alice")
    handle(SendCode(), stream, tess)
    assert now(stream).phase is Phase.CODE_SENT
    assert list(projections.differences()) == []


def test_a_declined_reset_has_ended_and_another_may_begin(who: Cast) -> None:
    stream = asked(who)
    handle(DeclineReset("Ask me first"), stream, who.by(who.alice))
    assert (now(stream).phase, now(stream).outcome) == (Phase.CANCELLED, "declined")
    target = now(stream).subject
    assert target
    reset(who, target)


@pytest.mark.parametrize("asks_by_token", [False, True])
@pytest.mark.parametrize("agrees_by_token", [False, True])
def test_a_person_and_their_token_are_one_human(
    who: Cast, asks_by_token: bool, agrees_by_token: bool
) -> None:
    ask_always(who)
    token, alice = by_token(who, who.alice), who.by(who.alice)
    stream = new_id()
    begin = RequestReset(device(who), "The installer left")
    handle(begin, stream, token if asks_by_token else alice)
    by = token if agrees_by_token else alice
    for command in (agree(stream), DeclineReset("Not now")):
        assert refused(lambda c=command: handle(c, stream, by)).code == "own_request"
    assert not queries.waiting(by.actor).exists()
    assert queries.own(by.actor).get().pk == stream
    assert ApproveReset not in resets.offered(by.actor, stream)
    handle(agree(stream), stream, by_token(who, dora(who)))
    assert now(stream).approver == "Dora"


@pytest.mark.parametrize("role", [Role.VIEWER, Role.TECHNICIAN, Role.OPERATOR])
def test_whoever_is_no_administrator_agrees_to_nothing(who: Cast, role: Role) -> None:
    stream = asked(who)
    olga = who.by(person("Olga", who.organisation, role, who.site))
    for command in (agree(stream), DeclineReset("No"), BreakGlass(WHY), ReviewBreakGlass("Seen")):
        error = refused(lambda c=command: handle(c, stream, olga))
        assert (error.code, type(error)) == ("role_too_low", Forbidden)
    assert not waiting(olga.actor)


# --- its time -------------------------------------------------------------------------------------


def test_nobody_agrees_after_its_time_and_it_ends_by_itself(who: Cast) -> None:
    ask_always(who, always=True, valid=600)
    stream = reset(who, device(who))
    late = timezone.now() + timedelta(seconds=601)
    with time_machine.travel(late):
        error = refused(lambda: handle(agree(stream), stream, who.by(who.alice)))
        assert error.code == "approval_expired"
        assert not waiting(who.by(who.alice).actor)
        do("expire_reset")
    assert (now(stream).phase, now(stream).outcome) == (Phase.EXPIRED, "expired")


def test_the_time_of_the_reset_itself_begins_when_somebody_agrees(who: Cast) -> None:
    stream = asked(who)
    late = timezone.now() + timedelta(hours=5)  # longer than a reset is open without a code
    with time_machine.travel(late):
        do("expire_reset")
        handle(agree(stream), stream, who.by(who.alice))
        handle(SendCode(), stream, who.by(who.tess))
    with time_machine.travel(late + timedelta(hours=2)):
        do("expire_reset")
    assert now(stream).phase is Phase.EXPIRED


# --- void -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change", [{"host": "203.0.113.8"}, {"port": 8080}, {"tls": True}, {"name": "Gate south"}]
)
def test_whatever_has_changed_meanwhile_makes_it_void(who: Cast, change: dict[str, Any]) -> None:
    stream = asked(who)
    seen = agree(stream)
    target = now(stream).subject
    assert target
    handle(ChangeDevice(**change), target, who.by(who.alice))
    error = refused(lambda: handle(seen, stream, who.by(who.alice)))
    assert (error.code, type(error)) == ("approval_void", Conflict)
    assert (now(stream).phase, now(stream).outcome) == (Phase.CANCELLED, "approval_void")
    handle(SendCode(), reset_again(who, target), who.by(who.tess))


def reset_again(who: Cast, target: UUID) -> UUID:
    stream = reset(who, target)
    handle(agree(stream), stream, who.by(who.alice))
    return stream


def test_what_does_not_matter_to_it_may_change(who: Cast) -> None:
    stream = asked(who)
    target = now(stream).subject
    assert target
    handle(ChangeDevice(services="rtsp:554"), target, who.by(who.alice))
    handle(agree(stream), stream, who.by(who.alice))
    assert now(stream).phase is Phase.REQUESTED


def test_an_old_page_cannot_agree_to_a_new_request(who: Cast) -> None:
    first = asked(who)
    seen = agree(first)
    target = now(first).subject
    assert target
    handle(DeclineReset("Say more"), first, who.by(who.alice))
    second = new_id()
    handle(RequestReset(target, "Another reason"), second, who.by(who.tess))
    error = refused(lambda: handle(seen, second, who.by(who.alice)))
    assert error.code == "digest_differs"


# --- when somebody has to agree -------------------------------------------------------------------


def needs(who: Cast, **fields: Any) -> str:
    return now(reset(who, device(who, **fields))).approval_why


def test_by_itself_nobody_has_to_agree(who: Cast) -> None:
    assert needs(who) == ""


def test_it_may_be_asked_for_nvrs_alone(who: Cast) -> None:
    ask_always(who, nvrs=True)
    assert needs(who) == ""
    assert needs(who, kind=Kind.NVR) == "nvr"


def test_it_may_be_asked_for_devices_without_a_mailbox(who: Cast) -> None:
    ask_always(who, without_mailbox=True)
    assert needs(who) == ""
    assert needs(who, reset_email="") == "without_mailbox"


def test_it_may_be_asked_from_a_number_of_resets_in_a_day(who: Cast) -> None:
    ask_always(who, above_a_day=2)
    assert [needs(who) for _ in range(3)] == ["", "", "above_a_day"]
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        assert needs(who) == ""


@pytest.mark.parametrize(
    ("hour", "why"), [(21, ""), (22, "night"), (23, "night"), (0, "night"), (5, "night"), (6, "")]
)
def test_it_may_be_asked_at_night_by_the_clock_of_the_site(who: Cast, hour: int, why: str) -> None:
    ask_always(who, night_from=22, night_to=6)
    target = device(who)
    at = timezone.now().astimezone(_zone(target)).replace(hour=hour, minute=30)
    with time_machine.travel(at):
        assert now(reset(who, target)).approval_why == why


def _zone(target: UUID) -> Any:
    from devices.queries import zone_of

    return zone_of(device_for_jobs(target))


def test_rules_of_one_site_are_no_rules_of_another(who: Cast) -> None:
    from devices.steps.open_site import OpenSite

    ask_always(who)
    museum, target = new_id(), new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/London"), museum, SETUP)
    handle(add(who, site=museum), target, who.by(who.alice))
    handle(RecordManagementAccount("rekey"), target, SETUP)
    stream = new_id()
    handle(RequestReset(target, "The installer left"), stream, who.by(who.alice))
    assert now(stream).approval_why == ""


# --- broken glass ---------------------------------------------------------------------------------


def test_the_glass_is_broken_alone_and_looked_into_by_another(who: Cast) -> None:
    stream, other = asked(who), dora(who)
    alice = who.by(who.alice)
    handle(BreakGlass(WHY), stream, alice)
    assert now(stream).phase is Phase.VERIFIED
    for by in (alice, who.by(other)):
        assert queries.unreviewed(by.actor).get().pk == stream
    for nobody in (who.bob, who.tess, who.charlie):
        assert not queries.unreviewed(who.by(nobody).actor).exists()
    for by in (alice, by_token(who, who.alice)):
        assert refused(lambda b=by: handle(ReviewBreakGlass("ok"), stream, b)).code == "own_request"
    handle(ReviewBreakGlass("It was a fire"), stream, by_token(who, other))
    assert not queries.unreviewed(alice.actor).exists()
    glass = resets.with_glass(resets.resets(alice.actor), resets.Glass.BROKEN)
    assert glass.get().glass_reviewed


def test_a_code_that_was_on_its_way_counts_no_more(who: Cast, settings: Any) -> None:
    from resets.codes import CodeKey

    stream = reset(who, device(who))
    tess = who.by(who.tess)
    handle(SendCode(), stream, tess)
    handle(BreakGlass(WHY), stream, who.by(who.alice))
    code = CodeKey(settings.REKEY_CODE_KEY).code(stream, 1, 8)
    assert refused(lambda: handle(VerifyCode(code), stream, tess)).code == "no_code_needed"


# --- what waits -----------------------------------------------------------------------------------


def test_what_waits_is_listed_for_those_who_may_answer(who: Cast) -> None:
    first = asked(who, name="Gate north")
    other = dora(who)
    alice, tess = who.by(who.alice).actor, who.by(who.tess).actor
    for actor in (alice, who.by(other).actor):
        [line] = waiting(actor)
        assert (line.id, line.device_name, line.site_name) == (first, "Gate north", "Harbour")
        assert (line.asker, line.reason) == ("Tess", "The installer left")
        assert "second person" in line.why
        assert count(actor) == 1
    for nobody in (who.bob, who.tess, who.charlie):
        assert waiting(who.by(nobody).actor) == []
    assert [line.id for line in waiting(tess, own=True)] == [first]
    assert waiting(alice, text="north")
    assert not waiting(alice, text="south")
    assert waiting(alice, kind="reset", site=who.site)
    assert not waiting(alice, kind="other")
    assert not waiting(alice, site=new_id())
    handle(agree(first), first, who.by(other))
    assert waiting(alice) == waiting(tess, own=True) == []


def test_what_ends_first_comes_first(who: Cast) -> None:
    ask_always(who, always=True, valid=7200)
    later = reset(who, device(who))
    ask_always(who, always=True, valid=600)
    sooner = reset(who, device(who))
    assert [line.id for line in waiting(who.by(who.alice).actor)] == [sooner, later]
