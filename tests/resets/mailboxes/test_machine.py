"""Whoever does what in whatever order: no mailbox changes without two people who saw the same."""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from fleet.accounts.state import Human
from fleet.errors import RekeyError
from fleet.eventstore.messages import Command, Event, decode, encode
from fleet.eventstore.testing import NOW, STREAM
from resets.mailboxes.state import MailboxState, Stage
from resets.mailboxes.steps import (
    VALID,
    ApproveMailbox,
    DeclineMailbox,
    DeviceNow,
    ExpireProposal,
    MailboxApproved,
    MailboxChanged,
    RecordMailbox,
    VoidProposal,
    WithdrawMailbox,
)
from tests.resets.mailboxes.test_steps import ALICE, GATE, NEW, NOBODY, PROPOSE, TESS

PEOPLE = st.sampled_from([TESS, ALICE, Human("7", "Dora"), NOBODY])


class AnyProposal(RuleBasedStateMachine):
    @initialize(by=st.sampled_from([TESS, ALICE]))
    def begins(self, by: Human) -> None:
        self.state, self.now, self.log = MailboxState(STREAM), NOW, []
        self.device = GATE
        self.seen: list[tuple[MailboxApproved, DeviceNow]] = []
        self.send(PROPOSE, by)

    def send(self, command: Command[Any], by: Human = NOBODY) -> None:
        """As `handle` does it, with its facts at hand."""
        known = {Human: by, DeviceNow: self.device}
        hints = typing.get_type_hints(type(command))
        supplied = {
            f.name: known[hints[f.name]]
            for f in dataclasses.fields(command)  # type: ignore[arg-type]
            if "supplied" in f.metadata
        }
        shown = type(command).offered(self.state, self.now) and type(command).offered_to(
            self.state, by.id
        )
        answered = self.state.stage is not Stage.PROPOSED
        try:
            events = list(replace(command, **supplied).decide(self.state, self.now))  # type: ignore[type-var]
        except RekeyError:
            return
        if command.by != "job" and not command.creates:
            assert shown, f"{command} was not offered and is not refused"
            assert not answered, f"{events} after the answer"
        for event in events:
            self.happened(event)

    def happened(self, event: Event[Any]) -> None:
        assert decode(event.tag, event.schema, encode(event)) == event
        self.state = event.evolve(self.state)
        self.log.append(event)
        assert event.told("Somebody")
        if isinstance(event, MailboxApproved):
            self.seen.append((event, self.device))

    # --- people -----------------------------------------------------------------------------------

    @rule(by=PEOPLE, right=st.booleans())
    def agrees(self, by: Human, right: bool) -> None:
        self.send(ApproveMailbox(self.state.digest if right else "0" * 64), by)

    @precondition(lambda self: len(self.log) > 1)
    @rule(by=PEOPLE)
    def declines(self, by: Human) -> None:
        self.send(DeclineMailbox("No"), by)

    @precondition(lambda self: len(self.log) > 1)
    @rule(by=PEOPLE)
    def takes_it_back(self, by: Human) -> None:
        self.send(WithdrawMailbox(), by)

    @rule(
        what=st.sampled_from(
            [{"name": "Gate south"}, {"address": "192.0.2.9:80"}, {"reset_email": "x@example.com"}]
        ),
        back=st.booleans(),
    )
    def changes_the_device(self, what: dict[str, str], back: bool) -> None:
        self.device = GATE if back else replace(self.device, **what)

    # --- jobs, and the clock ----------------------------------------------------------------------

    @rule()
    def ends_what_is_over(self) -> None:
        self.send(ExpireProposal())

    @rule()
    def ends_what_is_outgrown(self) -> None:
        self.send(VoidProposal())

    @rule(as_agreed=st.booleans())
    def changes_the_mailbox(self, as_agreed: bool) -> None:
        self.send(RecordMailbox(NEW if as_agreed else self.device.reset_email))

    @rule(hours=st.sampled_from([-1, 1, 23, 25]))
    def the_clock_jumps(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    # --- what stays true --------------------------------------------------------------------------

    @invariant()
    def two_people_have_agreed_to_what_is_done(self) -> None:
        if any(isinstance(event, MailboxChanged) for event in self.log):
            [(approved, device)] = self.seen
            assert approved.approver_id
            assert approved.approver_id != self.state.proposer_id
            assert device.digest(NEW, self.state.reason) == self.state.digest

    @invariant()
    def it_is_answered_once_at_most_and_in_time(self) -> None:
        assert len(self.seen) <= 1
        assert self.state.expires_at == NOW + VALID

    @invariant()
    def the_state_is_its_log_folded(self) -> None:
        state = MailboxState(STREAM)
        for event in self.log:
            state = event.evolve(state)
        assert state == self.state


TestAnyProposal = AnyProposal.TestCase
TestAnyProposal.settings = settings(max_examples=150, stateful_step_count=20, database=None)
