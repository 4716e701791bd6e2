"""A password's way through the vault: candidate, current, superseded.

The candidate is stored before the device hears of it. So whatever moment a job dies at, the
password that the device has is one that the vault knows.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from devices.state import KEPT, CredentialState, Purpose
from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, command, event


@event("devices.credential_begun")
class CredentialBegun(Event[CredentialState]):
    """Rekey keeps the password of the account {username}."""

    organisation: UUID
    site: UUID
    device: UUID
    username: str
    purpose: Purpose

    def evolve(self, state: CredentialState) -> CredentialState:
        return state.but(
            organisation=self.organisation,
            site=self.site,
            subject=self.device,
            username=self.username,
            purpose=self.purpose,
        )


@event("devices.candidate_stored")
class CandidateStored(Event[CredentialState]):
    """A password is in the vault as the candidate: kept before the device is asked to take it."""

    secret: UUID

    def evolve(self, state: CredentialState) -> CredentialState:
        # A candidate that was never settled may be what the device has: it is not forgotten.
        superseded = state.remembering(state.candidate)
        return state.but(candidate=self.secret, superseded=superseded)


@event("devices.candidate_promoted")
class CandidatePromoted(Event[CredentialState]):
    """The candidate opens the device: it is the current password from now on."""

    def evolve(self, state: CredentialState) -> CredentialState:
        return state.but(
            current=state.candidate, candidate=None, superseded=state.remembering(state.current)
        )


@event("devices.candidate_withdrawn")
class CandidateWithdrawn(Event[CredentialState]):
    """The candidate did not get onto the device; the vault remembers it all the same."""

    def evolve(self, state: CredentialState) -> CredentialState:
        return state.but(candidate=None, superseded=state.remembering(state.candidate))


@event("devices.password_set_aside")
class PasswordSetAside(Event[CredentialState]):
    """The password of the device that stood here before is an earlier one now."""

    def evolve(self, state: CredentialState) -> CredentialState:
        return state.but(current=None, superseded=state.remembering(state.current))


@event("devices.password_found_again")
class PasswordFoundAgain(Event[CredentialState]):
    """An earlier password of {username} still opens the device: it is the current one again."""

    username: str
    secret: UUID

    def evolve(self, state: CredentialState) -> CredentialState:
        return state.but(
            current=self.secret,
            candidate=None,
            superseded=tuple(
                dict.fromkeys(
                    s
                    for s in (state.candidate, state.current, *state.superseded)
                    if s and s != self.secret
                )
            )[:KEPT],
        )


@event("devices.earlier_password_refused")
class EarlierPasswordRefused(Event[CredentialState]):
    """An earlier password of {username} does not open the device any more."""

    username: str
    secret: UUID

    def evolve(self, state: CredentialState) -> CredentialState:
        return state


@command(by=Role.JOB)
class RecordRefused(Command[CredentialState]):
    """Record that an earlier password was tried, so that it costs no further try."""

    secret: UUID

    def decide(self, state: CredentialState, now: datetime) -> Iterable[Event[CredentialState]]:
        yield EarlierPasswordRefused(state.username, self.secret)


@command(by=Role.JOB)
class RecordFoundAgain(Command[CredentialState]):
    """Make an earlier password the current one. Repeating it changes nothing."""

    secret: UUID

    def decide(self, state: CredentialState, now: datetime) -> Iterable[Event[CredentialState]]:
        if self.secret in state.superseded:
            yield PasswordFoundAgain(state.username, self.secret)


@command(by=Role.JOB, creates=True)
class BeginCredential(Command[CredentialState]):
    """Begin to keep an account's password, with a first candidate."""

    organisation: UUID
    site: UUID
    device: UUID
    username: str
    purpose: Purpose
    secret: UUID

    def decide(self, state: CredentialState, now: datetime) -> Iterable[Event[CredentialState]]:
        yield CredentialBegun(
            self.organisation, self.site, self.device, self.username, self.purpose
        )
        yield CandidateStored(self.secret)


@command(by=Role.JOB)
class StoreCandidate(Command[CredentialState]):
    """Name the password that is about to be put on the device. Repeating it changes nothing."""

    secret: UUID

    def decide(self, state: CredentialState, now: datetime) -> Iterable[Event[CredentialState]]:
        if self.secret not in (state.candidate, state.current):
            yield CandidateStored(self.secret)


@command(by=Role.JOB)
class SetAside(Command[CredentialState]):
    """Try the old device's password no more: another device stands in its place, whose login tries
    are few and who need not hear it. Repeating it changes nothing once the new one is kept.
    """

    new: UUID

    def decide(self, state: CredentialState, now: datetime) -> Iterable[Event[CredentialState]]:
        if state.current and self.new not in state.known:
            yield PasswordSetAside()


@command(by=Role.JOB)
class PromoteCandidate(Command[CredentialState]):
    """Make the proven candidate current. Repeating it changes nothing."""

    secret: UUID

    def decide(self, state: CredentialState, now: datetime) -> Iterable[Event[CredentialState]]:
        if state.candidate == self.secret:
            yield CandidatePromoted()


@command(by=Role.JOB)
class WithdrawCandidate(Command[CredentialState]):
    """Set a candidate aside that the device did not take. Repeating it changes nothing."""

    secret: UUID

    def decide(self, state: CredentialState, now: datetime) -> Iterable[Event[CredentialState]]:
        if state.candidate == self.secret:
            yield CandidateWithdrawn()
