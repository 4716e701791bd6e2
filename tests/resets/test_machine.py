"""Whatever people, phones, jobs and the clock do, in whatever order, and whenever a process dies:
what a reset promises stays true.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fleet.accounts.state import Human
from fleet.errors import RekeyError
from fleet.eventstore.messages import Actor, Command, Event, decode, encode
from fleet.eventstore.testing import NOW, STREAM
from resets.phone.tokens import Kind
from resets.rules import CodeRules
from resets.state import Delivery, Phase, ResetState
from resets.steps.add_note import AddNote
from resets.steps.apply_password import PasswordApplied, RecordApplied, RecordWait
from resets.steps.approve_reset import (
    Agreement,
    ApprovalAsked,
    ApprovalVoided,
    ApproveReset,
    DeclineReset,
    ResetApproved,
    ResetDeclined,
)
from resets.steps.break_glass import BreakGlass, GlassBroken, GlassReviewed, ReviewBreakGlass
from resets.steps.cancel_reset import CancelReset
from resets.steps.choose_password import (
    ChoosePassword,
    Kept,
    PasswordGenerated,
    PasswordTyped,
)
from resets.steps.correct_mailbox import CorrectMailbox, MailboxCorrected
from resets.steps.deliver_code import RecordDelivery
from resets.steps.disown_reset import DisownReset, ResetDisowned
from resets.steps.expire_reset import ExpireReset
from resets.steps.fail_reset import FailReset
from resets.steps.prove_password import RecordProof, ResetProven
from resets.steps.request_reset import RequestReset
from resets.steps.send_by_phone import SendByPhone
from resets.steps.send_code import CodeIssued, SendCode
from resets.steps.show_qr import QrShown, ShowQr
from resets.steps.verify_code import CodeRejected, CodeVerified, VerifyCode
from tests.resets.steps.story import (
    AGREEMENT,
    DEVICE,
    DOORS,
    FACTS,
    KEY,
    PHONE,
    PHONE_KEY,
    SECRET,
)

# A token and its person are one human; nobody is behind a phone.
TESS, ALICE, DORA = (Human(str(n), name) for n, name in enumerate(["Tess", "Alice", "Dora"], 1))
NOBODY = Human()
PEOPLE = st.sampled_from([TESS, ALICE, DORA])
ANYBODY = st.sampled_from([TESS, ALICE, DORA, NOBODY])

WITH_PEOPLE = (Phase.AWAITING_APPROVAL, Phase.REQUESTED, Phase.CODE_SENT)
BEYOND_THE_CODE = {
    Phase.VERIFIED,
    Phase.APPLYING,
    Phase.PROVING,
    Phase.DONE,
    Phase.UNPROVEN,
    Phase.FAILED,
}
NEEDS_AGREEMENT = (
    QrShown,
    CodeIssued,
    CodeRejected,
    CodeVerified,
    PasswordGenerated,
    PasswordTyped,
    PasswordApplied,
    ResetProven,
)
# What may still happen to a reset that has ended.
LATE = (RecordDelivery, ReviewBreakGlass, DisownReset, AddNote)
RULES = st.builds(
    CodeRules,
    digits=st.integers(6, 8),
    valid=st.sampled_from([60, 600]),
    tries=st.integers(1, 10),
    between_sends=st.sampled_from([30, 60]),
    sends=st.integers(1, 3),
    open_for=st.sampled_from([600, 3600]),
).map(CodeRules.checked)


@dataclass(frozen=True)
class Happened:
    """An event, and who made it happen; "" is a job, or nobody who signs in. `facts` are the
    device's at that moment.
    """

    event: Event[Any]
    person: str
    at: datetime
    facts: tuple[str, ...]


def is_at(*phases: Phase) -> Callable[[Any], bool]:
    return lambda machine: machine.state.phase in phases


class AnyReset(RuleBasedStateMachine):
    @initialize(rules=RULES, why=st.sampled_from(["", "always", "night"]), asker=PEOPLE)
    def begins(self, rules: CodeRules, why: str, asker: Human) -> None:
        self.state, self.now, self.log = ResetState(STREAM), NOW, list[Happened]()
        self.agreement = replace(AGREEMENT, why=why, valid=3600)
        self.known: dict[type, Any] = {
            type(fact): fact for fact in (rules, FACTS, KEY, PHONE_KEY, Kept(SECRET))
        }
        self.send(RequestReset(DEVICE, "The installer left"), asker)

    def send(self, command: Command[Any], person: Human = NOBODY, **known: Any) -> None:
        """As `handle` does it, with its facts at hand."""
        actor = Actor("person", person.id, person.name) if person.id else PHONE
        facts = {**self.known, Human: person, Agreement: self.agreement, Actor: actor}
        hints = typing.get_type_hints(type(command))
        supplied = {
            f.name: known.get(f.name) or facts.get(hints[f.name]) or hints[f.name]()
            for f in dataclasses.fields(command)  # type: ignore[arg-type]
            if "supplied" in f.metadata
        }
        kind, before = type(command), self.state
        try:
            events = list(replace(command, **supplied).decide(before, self.now))
        except RekeyError:
            return
        by_people = command.by != "job" and not command.creates
        if by_people and kind not in (SendByPhone, DisownReset):  # these are nowhere offered
            assert kind.offered(before, self.now), f"{command} was not offered and is not refused"
        if by_people and events and all(e.refusal() is None for e in events):
            assert kind.offered_to(before, person.id), f"{command} was not for {person}"
        assert before.phase.open or isinstance(command, LATE) or not events, f"{events} at the end"
        for event in events:
            self.happened(event, person)

    def happened(self, event: Event[Any], person: Human) -> None:
        assert decode(event.tag, event.schema, encode(event)) == event
        before = self.state
        self.state = event.evolve(before)
        self.log.append(Happened(event, person.id, self.now, self.agreement.facts))
        assert event.told("Tess")
        if isinstance(event, CodeVerified):
            self.check_verified(before, person)

    def check_verified(self, before: ResetState, person: Human) -> None:
        last = self.all(CodeIssued)[-1]
        assert last.event.send == before.sends
        assert last.event.owner == person.id, "a code is only ever taken from its owner"
        assert self.now < last.event.expires_at
        since = [h.event for h in self.log[self.log.index(last) :]]
        assert sum(isinstance(e, CodeRejected) for e in since) < before.rules.tries
        assert not any(isinstance(e, MailboxCorrected) for e in since), "it went to the old one"

    def all(self, *kinds: type[Event[Any]]) -> list[Happened]:
        return [happened for happened in self.log if isinstance(happened.event, kinds)]

    @rule(times=st.integers(1, 6), person=PEOPLE, other=PEOPLE)
    def goes_on_as_it_should(self, times: int, person: Human, other: Human) -> None:
        """So that many histories get far."""
        for _ in range(times):
            right = KEY.code(STREAM, self.state.sends, self.state.rules.digits)
            owner = next((p for p in (TESS, ALICE, DORA) if p.id == self.state.owner), person)
            next_step: dict[Phase, tuple[Command[ResetState], Human]] = {
                Phase.AWAITING_APPROVAL: (ApproveReset(self.state.digest), other),
                Phase.REQUESTED: (SendCode(), person),
                Phase.CODE_SENT: (VerifyCode(right), owner),
                Phase.VERIFIED: (ChoosePassword(), person),
                Phase.APPLYING: (RecordApplied(), NOBODY),
                Phase.PROVING: (RecordProof(DOORS, "proven"), NOBODY),
            }
            if self.state.phase in next_step:
                self.send(*next_step[self.state.phase])

    # --- a second person, or one alone ------------------------------------------------------------

    @precondition(is_at(Phase.AWAITING_APPROVAL))
    @rule(person=ANYBODY, digest=st.sampled_from(["right", "right", "0" * 64]))
    def agrees(self, person: Human, digest: str) -> None:
        self.send(ApproveReset(self.state.digest if digest == "right" else digest), person)

    @precondition(is_at(Phase.AWAITING_APPROVAL))
    @rule(person=ANYBODY, reason=st.sampled_from(["", "Not now"]))
    def declines(self, person: Human, reason: str) -> None:
        self.send(DeclineReset(reason), person)

    @precondition(is_at(Phase.AWAITING_APPROVAL))
    @rule()
    def the_device_changes(self) -> None:
        self.agreement = replace(self.agreement, facts=(*self.agreement.facts, "changed"))

    @precondition(is_at(*WITH_PEOPLE))
    @rule(person=ANYBODY)
    def breaks_the_glass(self, person: Human) -> None:
        self.send(BreakGlass("The gate stands open"), person)

    @precondition(lambda self: self.state.glass_broken_by and not self.state.glass_reviewed)
    @rule(person=ANYBODY, note=st.sampled_from(["", "There was a fire"]))
    def looks_into_it(self, person: Human, note: str) -> None:
        self.send(ReviewBreakGlass(note), person)

    # --- codes ------------------------------------------------------------------------------------

    @precondition(is_at(Phase.REQUESTED, Phase.CODE_SENT))
    @rule(person=PEOPLE)
    def sends_a_code(self, person: Human) -> None:
        self.send(SendCode(), person)

    @precondition(is_at(Phase.REQUESTED, Phase.CODE_SENT))
    @rule(person=PEOPLE, scans=st.booleans())
    def shows_a_qr(self, person: Human, scans: bool) -> None:
        self.send(ShowQr(), person)
        if scans:
            self.scans_a_qr(0)

    @precondition(lambda self: self.state.qr)
    @rule(before=st.integers(0, 1))
    def scans_a_qr(self, before: int) -> None:
        if number := self.state.qr - before:
            self.send(SendByPhone(PHONE_KEY.token(Kind.QR, self.state, number)))

    @precondition(is_at(Phase.CODE_SENT))
    @rule(which=st.integers(0, 2), person=ANYBODY)
    def types_a_code_that_was_mailed(self, which: int, person: Human) -> None:
        self.send(VerifyCode(self.code(which)), person)

    @precondition(is_at(Phase.CODE_SENT))
    @rule(times=st.integers(1, 11), person=PEOPLE)
    def guesses(self, times: int, person: Human) -> None:
        digits = self.state.rules.digits
        right = int(self.code(0))
        for number in range(1, times + 1):
            self.send(VerifyCode(f"{(right + number) % 10**digits:0{digits}}"), person)

    def code(self, before: int) -> str:
        """The newest one that was mailed, or one of those before it."""
        send = max(self.state.sends - before, 1)
        return KEY.code(STREAM, send, self.state.rules.digits)

    @precondition(lambda self: self.state.sends)
    @rule(before=st.integers(0, 1), certain=st.integers(0, 4))
    def says_that_it_was_not_them(self, before: int, certain: int) -> None:
        if certain:  # or few would get far
            return
        send = max(self.state.sends - before, 1)
        self.send(DisownReset(PHONE_KEY.token(Kind.NOT_ME, self.state, send)))

    # --- anything, at any time --------------------------------------------------------------------

    @rule(
        command=st.sampled_from(
            [
                ApproveReset(""),
                DeclineReset("No"),
                BreakGlass("now"),
                BreakGlass("The gate stands open"),
                ReviewBreakGlass("Seen"),
                SendCode(),
                ShowQr(),
                VerifyCode("00000000"),
                VerifyCode("x"),
                VerifyCode(""),
                ChoosePassword(),
                ChoosePassword("typed-and-Fine-1"),
                AddNote("The ticket's number"),
            ]
        ),
        person=ANYBODY,
    )
    def tries_anything(self, command: Command[Any], person: Human) -> None:
        self.send(command, person)

    @rule(which=st.integers(0, 2), person=ANYBODY)
    def types_a_code_at_any_time(self, which: int, person: Human) -> None:
        self.send(VerifyCode(self.code(which)), person)

    @precondition(is_at(Phase.VERIFIED))
    @rule(weak=st.booleans(), person=PEOPLE)
    def chooses_a_password(self, weak: bool, person: Human) -> None:
        self.send(ChoosePassword(), person, kept=Kept(None, "Weak.") if weak else Kept(SECRET))

    @precondition(lambda self: len(self.log) > 4)
    @rule(person=PEOPLE)
    def cancels(self, person: Human) -> None:
        self.send(CancelReset(), person)

    # --- jobs -------------------------------------------------------------------------------------

    @rule(
        job=st.sampled_from(
            [
                RecordApplied(),
                RecordWait("unreachable", NOW),
                RecordWait("locked_out", NOW),
                RecordProof(DOORS, "proven"),
                RecordProof(DOORS, "new_refused"),
                FailReset("not_authorised", "The device refused the login."),
                FailReset("approval_void", "The device has changed."),
                ExpireReset(),
                CorrectMailbox("owner@example.com"),
                CorrectMailbox("keeper@example.com"),
                *(
                    RecordDelivery(send, delivery, "250 ok")
                    for send in range(4)
                    for delivery in (Delivery.HANDED_OVER, Delivery.DEFERRED, Delivery.REFUSED)
                ),
            ]
        ),
        times=st.integers(1, 2),
    )
    def a_job_runs_once_or_twice(self, job: Command[Any], times: int) -> None:
        """It may have died before it knew that its last word was recorded."""
        for _ in range(times):
            self.send(job)

    @precondition(is_at(*WITH_PEOPLE, Phase.VERIFIED))
    @rule()
    def it_expires(self) -> None:
        self.send(ExpireReset())

    # --- the clock --------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([-3600, -1, 0.001, 1, 59, 60, 61, 120]))
    def the_clock_jumps(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: len(self.log) > 1)
    @rule(seconds=st.sampled_from([599, 600, 3600, 10**6]))
    def nobody_does_anything_for_long(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    # --- what stays true --------------------------------------------------------------------------

    @invariant()
    def nothing_is_done_without_a_verified_code_or_a_broken_glass(self) -> None:
        if self.state.phase in BEYOND_THE_CODE or self.all(ResetProven):
            assert self.all(CodeVerified, GlassBroken)

    @invariant()
    def nothing_is_done_before_everybody_has_agreed(self) -> None:
        if self.all(ApprovalAsked):
            needs = self.all(*NEEDS_AGREEMENT)
            frees = self.all(ResetApproved, GlassBroken)
            assert not needs or frees, needs
            if needs:
                assert self.log.index(frees[0]) < self.log.index(needs[0])

    @invariant()
    def nobody_answers_for_themselves(self) -> None:
        asker = self.log[0].person
        for answer in self.all(ResetApproved, ResetDeclined):
            assert answer.person not in ("", asker)
        breakers = {broken.person for broken in self.all(GlassBroken)}
        assert "" not in breakers
        for review in self.all(GlassReviewed):
            assert review.person not in {"", *breakers}

    @invariant()
    def it_is_agreed_to_once_as_it_is_and_in_time(self) -> None:
        assert len(self.all(ResetApproved, ResetDeclined, ApprovalVoided)) <= 1
        for agreed in self.all(ResetApproved):
            [asked] = self.all(ApprovalAsked)
            assert agreed.at < asked.event.expires_at
            assert "changed" not in agreed.facts

    @invariant()
    def one_code_is_accepted_once_at_most(self) -> None:
        accepted = self.all(CodeVerified, GlassBroken)
        assert len(accepted) <= 1, "broken glass needs no code after it, and none before"

    @invariant()
    def tries_are_within_their_bounds(self) -> None:
        assert 0 <= self.state.tries_left <= max(self.state.rules.tries, 5)
        assert len(self.all(CodeRejected)) <= self.state.rules.tries * self.state.sends

    @invariant()
    def no_more_codes_are_sent_than_the_rules_say_and_not_too_soon(self) -> None:
        sends = self.all(CodeIssued)
        assert [one.event.send for one in sends] == list(range(1, len(sends) + 1))
        assert len(sends) <= self.state.rules.sends
        for one, other in pairwise(sends):
            between = self.log[self.log.index(one) : self.log.index(other)]
            if not any(isinstance(h.event, MailboxCorrected) for h in between):
                wait = (other.event.at - one.event.at).total_seconds()
                assert wait >= self.state.rules.between_sends

    @invariant()
    def a_password_is_chosen_when_and_only_when_the_way_was_open(self) -> None:
        chosen = self.state.secret is not None
        assert chosen == (self.state.phase in BEYOND_THE_CODE - {Phase.VERIFIED})

    @invariant()
    def whoever_reads_the_mailbox_stops_it_while_people_are_at_it(self) -> None:
        for said in self.all(ResetDisowned):
            after = [h.event for h in self.log[self.log.index(said) + 1 :]]
            if said.event.stopped:
                assert not any(isinstance(e, NEEDS_AGREEMENT) for e in after)

    @invariant()
    def the_state_is_its_log_folded(self) -> None:
        state = ResetState(STREAM)
        for happened in self.log:
            state = happened.event.evolve(state)
        assert state == self.state


TestAnyReset = AnyReset.TestCase
TestAnyReset.settings = settings(max_examples=120, stateful_step_count=30, database=None)
