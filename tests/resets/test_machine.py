"""Whatever people, jobs and the clock do, in whatever order: what a reset promises stays true."""

from __future__ import annotations

import dataclasses
import typing
from datetime import timedelta
from itertools import pairwise
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fleet.errors import RekeyError
from fleet.eventstore.messages import Command, Event, decode, encode
from fleet.eventstore.testing import NOW, STREAM
from resets.rules import CodeRules
from resets.state import Delivery, Phase, ResetState
from resets.steps.apply_password import RecordApplied, RecordWait
from resets.steps.cancel_reset import CancelReset
from resets.steps.choose_password import ChoosePassword, Kept
from resets.steps.deliver_code import RecordDelivery
from resets.steps.expire_reset import ExpireReset
from resets.steps.fail_reset import FailReset
from resets.steps.prove_password import RecordProof
from resets.steps.request_reset import RequestReset
from resets.steps.send_code import CodeIssued, SendCode
from resets.steps.verify_code import CodeRejected, CodeVerified, VerifyCode
from tests.resets.steps.story import DEVICE, DOORS, FACTS, KEY, SECRET, TESS, TESS_HERSELF

NEEDS_A_VERIFIED_CODE = {
    Phase.VERIFIED,
    Phase.APPLYING,
    Phase.PROVING,
    Phase.DONE,
    Phase.UNPROVEN,
    Phase.FAILED,
}
RULES = st.builds(
    CodeRules,
    digits=st.integers(6, 8),
    valid=st.sampled_from([60, 600]),
    tries=st.integers(1, 10),
    between_sends=st.sampled_from([30, 60]),
    sends=st.integers(1, 3),
    open_for=st.sampled_from([600, 3600]),
).map(CodeRules.checked)


class AnyReset(RuleBasedStateMachine):
    @initialize(rules=RULES)
    def begins(self, rules: CodeRules) -> None:
        self.state, self.now, self.log = ResetState(STREAM), NOW, []
        self.known: dict[type, Any] = {
            type(fact): fact for fact in (rules, FACTS, TESS, TESS_HERSELF, KEY, Kept(SECRET))
        }
        self.send(RequestReset(DEVICE, "The installer left"))

    def send(self, command: Command[Any], **known: Any) -> None:
        """As `handle` does it, with its facts at hand."""
        hints = typing.get_type_hints(type(command))
        supplied = {
            f.name: known.get(f.name, self.known.get(hints[f.name]) or hints[f.name]())
            for f in dataclasses.fields(command)  # type: ignore[arg-type]
            if "supplied" in f.metadata
        }
        ended = not self.state.phase.open
        offered = type(command).offered(self.state, self.now)
        try:
            events = list(dataclasses.replace(command, **supplied).decide(self.state, self.now))  # type: ignore[type-var]
        except RekeyError:
            return
        if command.by != "job" and not command.creates:
            assert offered, f"{command} was not offered and is not refused"
        late = isinstance(command, RecordDelivery)  # what is known of a mail goes on
        assert late or not (ended and events), f"{events} after the end"
        for event in events:
            self.happened(event)

    def happened(self, event: Event[Any]) -> None:
        assert decode(event.tag, event.schema, encode(event)) == event
        before = self.state
        self.state = event.evolve(before)
        self.log.append(event)
        assert event.told("Tess")
        if isinstance(event, CodeVerified):
            self.check_verified(before)

    def check_verified(self, before: ResetState) -> None:
        [*_, last] = [e for e in self.log if isinstance(e, CodeIssued)]
        assert last.send == before.sends
        assert self.now < last.expires_at
        since = self.log[self.log.index(last) :]
        assert sum(isinstance(e, CodeRejected) for e in since) < before.rules.tries

    @rule(times=st.integers(1, 5))
    def goes_on_as_it_should(self, times: int) -> None:
        """So that many histories get far."""
        for _ in range(times):
            right = KEY.code(STREAM, self.state.sends, self.state.rules.digits)
            next_step: dict[Phase, Command[ResetState]] = {
                Phase.REQUESTED: SendCode(),
                Phase.CODE_SENT: VerifyCode(right),
                Phase.VERIFIED: ChoosePassword(),
                Phase.APPLYING: RecordApplied(),
                Phase.PROVING: RecordProof(DOORS, "proven"),
            }
            if command := next_step.get(self.state.phase):
                self.send(command)

    # --- people -----------------------------------------------------------------------------------

    @rule()
    def sends_a_code(self) -> None:
        self.send(SendCode())

    @precondition(lambda self: self.state.sends)
    @rule(which=st.integers(0, 2))
    def types_a_code_that_was_mailed(self, which: int) -> None:
        send = max(self.state.sends - which, 1)
        self.send(VerifyCode(KEY.code(STREAM, send, self.state.rules.digits)))

    @rule(typed=st.sampled_from(["00000000", "0000000", "000000", "x", ""]))
    def types_anything(self, typed: str) -> None:
        self.send(VerifyCode(typed))

    @rule(times=st.integers(1, 11))
    def guesses(self, times: int) -> None:
        digits = self.state.rules.digits
        right = int(KEY.code(STREAM, self.state.sends, digits))
        for number in range(1, times + 1):
            self.send(VerifyCode(f"{(right + number) % 10**digits:0{digits}}"))

    @rule(password=st.sampled_from(["", "typed-and-Fine-1"]), weak=st.booleans())
    def chooses_a_password(self, password: str, weak: bool) -> None:
        self.send(ChoosePassword(password), kept=Kept(None, "Too weak.") if weak else Kept(SECRET))

    @precondition(lambda self: len(self.log) > 2)  # or few would get far
    @rule()
    def cancels(self) -> None:
        self.send(CancelReset())

    # --- jobs -------------------------------------------------------------------------------------

    @rule(
        send=st.integers(0, 3),
        delivery=st.sampled_from(list(Delivery)[2:]),
    )
    def hears_of_a_mail(self, send: int, delivery: Delivery) -> None:
        before = self.state
        self.send(RecordDelivery(send, delivery, "250 ok"))
        assert self.state.but(mails=before.mails) == before

    @rule()
    def has_applied_it(self) -> None:
        self.send(RecordApplied())

    @rule(why=st.sampled_from(["unreachable", "locked_out"]))
    def waits(self, why: str) -> None:
        self.send(RecordWait(why, self.now))

    @rule(outcome=st.sampled_from(["proven", "new_refused", "old_still_opens"]))
    def has_proven_it(self, outcome: str) -> None:
        self.send(RecordProof(DOORS, outcome))

    @rule()
    def gives_up(self) -> None:
        self.send(FailReset("not_authorised", "The device refused the login."))

    @precondition(lambda self: len(self.log) > 2)
    @rule()
    def expires(self) -> None:
        self.send(ExpireReset())

    # --- the clock --------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([-3600, -1, 0.001, 1, 59, 60, 61, 120]))
    def the_clock_jumps(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @precondition(lambda self: len(self.log) > 3)
    @rule(seconds=st.sampled_from([599, 600, 3600, 10**6]))
    def nobody_does_anything_for_long(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    # --- what stays true --------------------------------------------------------------------------

    @invariant()
    def nothing_is_done_without_a_verified_code(self) -> None:
        if self.state.phase in NEEDS_A_VERIFIED_CODE:
            assert any(isinstance(e, CodeVerified) for e in self.log)

    @invariant()
    def one_code_is_accepted_once_at_most(self) -> None:
        assert sum(isinstance(e, CodeVerified) for e in self.log) <= 1

    @invariant()
    def tries_are_within_their_bounds(self) -> None:
        assert 0 <= self.state.tries_left <= max(self.state.rules.tries, 5)
        wrong = sum(isinstance(e, CodeRejected) for e in self.log)
        assert wrong <= self.state.rules.tries * self.state.sends

    @invariant()
    def no_more_codes_are_sent_than_the_rules_say_and_not_too_soon(self) -> None:
        sends = [e for e in self.log if isinstance(e, CodeIssued)]
        assert [e.send for e in sends] == list(range(1, len(sends) + 1))
        assert len(sends) <= self.state.rules.sends
        for one, other in pairwise(sends):
            assert (other.at - one.at).total_seconds() >= self.state.rules.between_sends

    @invariant()
    def a_password_is_chosen_when_and_only_when_the_code_was_verified(self) -> None:
        chosen = self.state.secret is not None
        assert chosen == (self.state.phase in NEEDS_A_VERIFIED_CODE - {Phase.VERIFIED})

    @invariant()
    def the_state_is_its_log_folded(self) -> None:
        state = ResetState(STREAM)
        for event in self.log:
            state = event.evolve(state)
        assert state == self.state


TestAnyReset = AnyReset.TestCase
TestAnyReset.settings = settings(
    max_examples=200, stateful_step_count=30, deadline=None, database=None
)
