"""Who is told by mail of what, once each, and what becomes of a mail that nobody takes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import time_machine
from django.utils import timezone

from devices.steps.change_device import ChangeDevice
from devices.virtual import Character, ThreadedFleet, default_scenario, fleet_in_thread
from fleet.accounts.access import of_a_mailbox
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.errors import Conflict
from fleet.eventstore import projections, subscriptions
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import By
from fleet.eventstore.models import EventRow, Job
from resets.limits.rules import Counted, Limit, Scope
from resets.limits.state import Refusal, breaker_id
from resets.limits.steps import TripBreaker
from resets.notices.models import Notice
from resets.notices.queries import notices_of
from resets.phone.addresses import of_not_me
from resets.state import Phase
from resets.steps.approve_reset import DeclineReset
from resets.steps.break_glass import BreakGlass
from resets.steps.choose_password import ChoosePassword
from resets.steps.disown_reset import DisownReset
from resets.steps.request_reset import RequestReset
from resets.steps.send_code import SendCode
from tests.cast import SETUP, Cast, add_device, person, work
from tests.fleet.eventstore.ground import device, reset
from tests.resets.approvals.asking import WHY, agree, asked, do, dora, now

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]

OWNER = "owner@example.com"
SPECS = default_scenario(seed=7, port_base=0)
HONEST = next(s for s in SPECS if s.kind == "camera" and s.character is Character.HONEST)
LIAR = next(s for s in SPECS if s.character is Character.LIAR)


@pytest.fixture
def fleet() -> Iterator[ThreadedFleet]:
    with fleet_in_thread([HONEST, LIAR]) as running:
        yield running


def notices(mail_sink: Any) -> dict[str, Any]:
    """The notices that arrived, by whom they are for: one each."""
    mails = [m for m in mail_sink.mails() if m.message["Message-ID"].startswith("<notice-")]
    readers = Counter(m.message["To"] for m in mails)
    assert set(readers.values()) <= {1}, readers
    return {m.message["To"]: m for m in mails}


def subject(mail: Any) -> str:
    return str(mail.message["Subject"])


# --- a second person ------------------------------------------------------------------------------


def test_those_who_may_agree_are_asked(who: Cast, mail_sink: Any) -> None:
    person("Emil", who.organisation, Role.OPERATOR, who.site)
    other, stream = dora(who), asked(who, name="Gate north")
    do("ask_for_approval")
    found = notices(mail_sink)
    assert set(found) == {who.alice.email, other.email}
    mail = found[other.email]
    assert subject(mail) == "Your approval is asked: Gate north"
    for told in ("Gate north, Harbour", "Tess", "127.0.0.1", "The installer left", "admin"):
        assert told in mail.text, told
    assert "this site asks for a second person each time" in " ".join(mail.text.split())
    assert f"/resets/{stream}/" in mail.text
    assert "o•••r@e•••e.com" in mail.text
    assert OWNER not in mail.text


def test_who_asked_is_not_asked_for_their_own_approval(who: Cast, mail_sink: Any) -> None:
    asked(who)
    stream, other = new_id(), dora(who)
    handle(RequestReset(device(who), "The installer left"), stream, who.by(who.alice))
    do("ask_for_approval")
    mine = [m for m in mail_sink.mails() if f"/resets/{stream}/" in m.text]
    assert [m.message["To"] for m in mine] == [other.email]


def test_whoever_asked_is_told_that_somebody_agreed(who: Cast, mail_sink: Any) -> None:
    stream = asked(who)
    handle(agree(stream), stream, who.by(who.alice))
    do("tell_of_answer")
    [(reader, mail)] = notices(mail_sink).items()
    assert (reader, subject(mail)) == (who.tess.email, "Agreed: Gate north")
    assert "Alice has agreed" in mail.text
    assert "Open until" in mail.text


def test_whoever_asked_is_told_why_it_was_declined(who: Cast, mail_sink: Any) -> None:
    stream = asked(who)
    handle(DeclineReset("Ring me first"), stream, who.by(who.alice))
    do("tell_of_answer")
    [(reader, mail)] = notices(mail_sink).items()
    assert (reader, subject(mail)) == (who.tess.email, "Declined: Gate north")
    assert "Ring me first" in mail.text


def test_whoever_asked_is_told_that_it_is_void(who: Cast, mail_sink: Any) -> None:
    stream = asked(who)
    target = now(stream).subject
    assert target
    handle(ChangeDevice(port=8080), target, who.by(who.alice))
    with pytest.raises(Conflict):
        handle(agree(stream), stream, who.by(who.alice))
    do("tell_of_answer")
    [(reader, mail)] = notices(mail_sink).items()
    assert (reader, subject(mail)) == (who.tess.email, "Void: Gate north")


def test_whoever_asked_is_told_that_nobody_agreed(who: Cast, mail_sink: Any) -> None:
    asked(who)
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        do("expire_reset")
        do("tell_of_answer")
    [(reader, mail)] = notices(mail_sink).items()
    assert (reader, subject(mail)) == (who.tess.email, "Nobody agreed: Gate north")


def test_of_a_reset_that_only_ran_out_of_time_nobody_is_told(who: Cast, mail_sink: Any) -> None:
    reset(who, device(who))
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        do("expire_reset")
        do("tell_of_answer")
    assert notices(mail_sink) == {}


# --- broken glass, an alarm, and "this was not me" ------------------------------------------------


def test_everybody_concerned_is_told_of_broken_glass(who: Cast, mail_sink: Any) -> None:
    other, stream = dora(who), asked(who)
    handle(BreakGlass(WHY), stream, who.by(who.alice))
    do("tell_of_broken_glass")
    found = notices(mail_sink)
    assert set(found) == {OWNER, who.alice.email, other.email, who.tess.email}
    for mail in found.values():
        text = " ".join(mail.text.split())
        assert "The glass was broken" in subject(mail)
        assert "without a second person and without a verification code" in text
        for told in ("Glass broken by: Alice from 127.0.0.1", WHY, "Asked by: Tess"):
            assert told in text, told
    assert "/resets/" not in found[OWNER].text, "its reader has no account"
    assert "If nobody of yours knows of this" in found[OWNER].text
    [notice] = notices_of(who.by(who.bob).actor, stream)
    assert {(one["name"], one["mailbox"]) for one in notice.told} == {
        ("The owner of the mailbox", "o•••r@e•••e.com"),
        ("Alice", "a•••e@e•••e.com"),
        ("Dora", "d•••a@e•••e.com"),
        ("Tess", "t•••s@e•••e.com"),
    }


def test_an_administrator_at_the_mailbox_gets_one_mail(who: Cast, mail_sink: Any) -> None:
    stream = reset(who, device(who, reset_email="alice@EXAMPLE.com"))
    handle(BreakGlass(WHY), stream, who.by(who.alice))
    do("tell_of_broken_glass")
    assert set(notices(mail_sink)) == {who.alice.email, who.tess.email}


def test_where_no_mailbox_is_set_the_people_are_told(who: Cast, mail_sink: Any) -> None:
    stream = reset(who, device(who, reset_email=""))
    handle(BreakGlass(WHY), stream, who.by(who.alice))
    do("tell_of_broken_glass")
    assert set(notices(mail_sink)) == {who.alice.email, who.tess.email}


def test_that_it_was_not_me_is_told_to_the_administrators(who: Cast, mail_sink: Any) -> None:
    stream = reset(who, device(who))
    handle(SendCode(), stream, who.by(who.tess))
    token = of_not_me(now(stream), 1).rpartition("#")[2]
    nobody = By(of_a_mailbox(who.organisation, who.site), source="127.0.0.9")
    handle(DisownReset(token), stream, nobody)
    do("tell_of_disowned")
    found = notices(mail_sink)
    assert set(found) == {who.alice.email, who.tess.email}
    assert "This was not me" in subject(found[who.alice.email])
    text = " ".join(found[who.alice.email].text.split())
    assert "The reset was stopped" in text
    assert "Said from: 127.0.0.9" in text


def test_an_alarm_is_told_to_the_administrators_of_its_site(who: Cast, mail_sink: Any) -> None:
    elsewhere = person("Elsa", who.organisation, Role.ADMINISTRATOR, new_id())
    limit = Limit(Counted.RESETS, Scope.SITE, 20, 3600, trips=True)
    case = Refusal(who.organisation, who.site, limit, "Harbour", None, "Gate north", "Tess")
    handle(TripBreaker(Scope.SITE, case, 0), breaker_id(who.site, new_id()), SETUP)
    do("tell_of_alarm")
    found = notices(mail_sink)
    assert set(found) == {who.alice.email}
    assert elsewhere.email not in found
    mail = found[who.alice.email]
    assert subject(mail) == "An alarm went off at Harbour"
    for told in ("20 resets", "Set off by: Tess", "Gate north"):
        assert told in " ".join(mail.text.split()), told


# --- after the device -----------------------------------------------------------------------------


def reset_by(who: Cast, target: UUID, *, password: str = "") -> UUID:
    """Broken glass, since it is the short way to a new password."""
    stream = new_id()
    handle(RequestReset(target, "The installer left"), stream, who.by(who.tess))
    handle(BreakGlass(WHY), stream, who.by(who.alice))
    handle(ChoosePassword(password), stream, who.by(who.tess))
    return stream


def ended(mail_sink: Any, words: str) -> dict[str, Any]:
    mails = [m for m in mail_sink.mails() if words in subject(m)]
    readers = Counter(m.message["To"] for m in mails)
    assert set(readers.values()) <= {1}, readers
    return {m.message["To"]: m for m in mails}


def test_a_proven_reset_is_told_and_no_password_with_it(
    who: Cast, fleet: ThreadedFleet, mail_sink: Any
) -> None:
    target = add_device(who, fleet, HONEST)
    work()
    stream = reset_by(who, target, password="Seven-tall-masts-7")
    work()
    assert now(stream).phase is Phase.DONE
    found = ended(mail_sink, "was reset")
    assert set(found) == {OWNER, who.alice.email}
    for mail in found.values():
        text = " ".join(mail.text.split())
        assert f"The password of the account admin on {HONEST.name}, Harbour, was reset" in text
        assert re.search(r"Password chosen by: Tess from 127\.0\.0\.1, \d+ \w+ \d{4}, ", text)
        assert "Seven-tall-masts-7" not in mail.text
        assert HONEST.password not in mail.text
    assert list(projections.differences()) == []


def test_an_unproven_reset_is_told_as_what_it_is(
    who: Cast, fleet: ThreadedFleet, mail_sink: Any
) -> None:
    target = add_device(who, fleet, LIAR)
    work()
    stream = reset_by(who, target)
    work()
    assert now(stream).phase is Phase.UNPROVEN
    found = ended(mail_sink, "is not proven")
    assert set(found) == {OWNER, who.alice.email}
    assert "does not open with it" in " ".join(found[OWNER].text.split())


def test_a_failed_reset_is_told_as_well(who: Cast, fleet: ThreadedFleet, mail_sink: Any) -> None:
    target = add_device(who, fleet, HONEST)
    work()
    fleet.power(HONEST.serial, False)
    stream = reset_by(who, target)
    with time_machine.travel(timezone.now() + timedelta(hours=1)):
        work()
    assert now(stream).phase is Phase.FAILED
    assert set(ended(mail_sink, "failed")) == {OWNER, who.alice.email}


# --- mails that are not taken ---------------------------------------------------------------------


def test_a_job_that_runs_again_tells_nobody_twice(who: Cast, mail_sink: Any) -> None:
    stream = asked(who)
    do("ask_for_approval")
    position = EventRow.everything.get(stream=stream, type="resets.approval_asked").position
    subscriptions.Job.objects.create(
        reaction="resets.ask_for_approval", position=position, due_at=timezone.now()
    )
    do("ask_for_approval")
    assert len(notices(mail_sink)) == 1
    assert Notice.objects.for_jobs().get().version == 1


def test_a_mail_that_was_sent_and_not_recorded_is_sent_under_the_same_id(
    who: Cast, mail_sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resets.notices import reactions

    asked(who)
    with monkeypatch.context() as dying:
        dying.setattr(reactions, "handle", lambda *a: 1 / 0)
        do("ask_for_approval")
    Job.objects.update(due_at=timezone.now())
    do("ask_for_approval")
    ids = [m.message["Message-ID"] for m in mail_sink.mails()]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_one_mail_that_is_put_off_keeps_nobody_waiting_and_is_tried_again(
    who: Cast, mail_sink: Any
) -> None:
    other = dora(who)
    mail_sink.defer(who.alice.email)
    asked(who)
    do("ask_for_approval")
    assert set(notices(mail_sink)) == {other.email}
    [job] = Job.objects.filter(reaction="resets.ask_for_approval")
    assert (job.status, job.error) == ("waiting", "the mail server did not take it yet")
    Job.objects.update(due_at=timezone.now())
    do("ask_for_approval")
    assert set(notices(mail_sink)) == {who.alice.email, other.email}
    assert not Job.objects.filter(reaction="resets.ask_for_approval").exists()


def test_a_refused_mail_is_recorded_and_nothing_is_parked(who: Cast, mail_sink: Any) -> None:
    other = dora(who)
    mail_sink.refuse(who.alice.email)
    stream = asked(who)
    do("ask_for_approval")
    assert set(notices(mail_sink)) == {other.email}
    assert not Job.objects.filter(reaction="resets.ask_for_approval").exists()
    [notice] = notices_of(who.by(who.bob).actor, stream)
    refused = {one["name"]: one["refused"] for one in notice.told}
    assert refused == {"Alice": True, "Dora": False}
    log = "\n".join(EventRow.everything.filter(category="notice").values_list("data", flat=True))
    assert who.alice.email not in log, "addresses stand in it in part"


def test_a_mail_server_that_is_gone_for_long_is_given_up(who: Cast, mail_sink: Any) -> None:
    mail_sink.stop()
    stream = asked(who)
    do("ask_for_approval")
    assert Job.objects.filter(reaction="resets.ask_for_approval", status="waiting").exists()
    with time_machine.travel(timezone.now() + timedelta(days=2, seconds=1)):
        do("ask_for_approval")
    assert not Job.objects.filter(reaction="resets.ask_for_approval").exists()
    [notice] = notices_of(who.by(who.alice).actor, stream)
    assert [one["refused"] for one in notice.told] == [True]
    mail_sink.start()


@pytest.mark.parametrize("gone", [{"email": ""}, {"is_active": False}])
def test_whoever_cannot_be_written_to_is_left_out(
    who: Cast, mail_sink: Any, gone: dict[str, Any]
) -> None:
    other = dora(who)
    Person.objects.filter(pk=other.pk).update(**gone)
    asked(who)
    do("ask_for_approval")
    assert set(notices(mail_sink)) == {who.alice.email}


def test_whoever_has_lost_their_role_is_told_nothing(who: Cast, mail_sink: Any) -> None:
    from fleet.accounts.steps.revoke_role import RevokeRole

    stream = asked(who)
    [role] = EventRow.everything.filter(
        type="accounts.role_granted", data__contains=str(who.tess.id)
    ).values_list("stream", flat=True)
    handle(RevokeRole("She left"), role, who.by(who.alice))
    handle(agree(stream), stream, who.by(who.alice))
    do("tell_of_answer")
    assert notices(mail_sink) == {}


def test_a_line_break_in_a_name_adds_no_header(
    who: Cast, mail_sink: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Names in the log are older than the rule that keeps them in one line."""
    monkeypatch.setattr("devices.steps.add_device.named", lambda name, what: name)
    asked(who, name="Gate\r\nBcc: mallory@example.com")
    do("ask_for_approval")
    for mail in notices(mail_sink).values():
        assert mail.message["Bcc"] is None
        assert subject(mail) == "Your approval is asked: Gate Bcc: mallory@example.com"
