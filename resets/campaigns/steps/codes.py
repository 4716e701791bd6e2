"""One code for all devices of a campaign that share a Reset Password Email.

As with a single reset: derived and never stored, bounded in sends, time and tries, and typed by
nobody but the person who asked for it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from devices.mailbox import masked
from fleet.accounts.state import Human, Role
from fleet.errors import Conflict, Refused, RekeyError
from fleet.eventstore.messages import Actor, Command, Event, asked, command, event, supplied
from resets.campaigns.state import CampaignPhase, CodesState
from resets.codes import CodeKey
from resets.limits.rules import Budget, spelled
from resets.phone.tokens import LONGEST, Kind, PhoneKey, read
from resets.rules import CodeRules
from resets.state import Delivery
from resets.steps.disown_reset import DISOWNED_UNTIL, no_such_mail, too_old
from resets.steps.send_code import Issue
from resets.steps.verify_code import in_digits, not_your_code, refuse_if_dead, wrong_code


@dataclass(frozen=True)
class Need:
    """How the campaign of a code stands, and how many devices of the mailbox wait for the code."""

    phase: CampaignPhase = CampaignPhase.RUNNING
    ends_at: datetime | None = None
    devices: int = 1

    def refuse(self, codes: CodesState, now: datetime) -> None:
        """Refuse to go on where no code is of any use. Raises Conflict."""
        if codes.disowned:
            raise Conflict(
                "codes_disowned",
                "The owner of this mailbox has said that this was not them. Its devices are left "
                "out of this campaign: talk to them, then plan another one.",
            )
        if codes.verified:
            raise Conflict("no_code_needed", "The code for this mailbox was entered already.")
        if self.phase in (CampaignPhase.DRAWING_UP, CampaignPhase.AWAITING_APPROVAL):
            raise Conflict(
                "campaign_not_agreed", "A second person has to agree to this campaign first."
            )
        over = self.ends_at is not None and now >= self.ends_at
        if over or self.phase not in (CampaignPhase.RUNNING, CampaignPhase.PAUSED):
            raise Conflict("campaign_needs_no_code", "This campaign begins no device any more.")
        if not self.devices:
            raise Conflict(
                "no_device_waits", "No device of this mailbox waits for a code: there is none left."
            )


# --- events ---------------------------------------------------------------------------------------


@event("resets.campaign_codes_begun")
class CodesBegun(Event[CodesState]):
    """The campaign needs a code from one mailbox."""

    campaign: UUID
    organisation: UUID
    site: UUID | None
    mailbox: str
    rules: CodeRules

    def evolve(self, state: CodesState) -> CodesState:
        return state.but(
            organisation=self.organisation,
            site=self.site,
            subject=self.campaign,
            campaign=self.campaign,
            mailbox=self.mailbox,
            rules=self.rules,
        )


@event("resets.campaign_code_issued")
class CampaignCodeIssued(Issue, Event[CodesState]):
    """{actor} asked for code number {send} of the campaign to be mailed to {mailbox}."""

    def evolve(self, codes: CodesState) -> CodesState:
        return codes.but(
            sends=self.send,
            sent_at=self.at,
            sent=(*codes.sent, self.at)[-codes.rules.sends :],
            code_expires_at=self.expires_at,
            tries_left=self.tries,
            owner=self.owner,
            mails=codes.with_mail(self.send, self.at, codes.mailbox),
        )


_NEWS = {
    Delivery.HANDED_OVER: "The mail with code number {send} was handed to the mail server.",
    Delivery.DEFERRED: "The mail server did not take code number {send} yet; Rekey tries again.",
    Delivery.REFUSED: "The mail server refused code number {send} for good.",
    Delivery.HELD_UP: "The server of the mailbox did not take code number {send} yet.",
    Delivery.DELIVERED: "The server of the mailbox took code number {send}.",
    Delivery.BOUNCED: "The mail with code number {send} came back.",
    Delivery.SPAM: "Somebody marked the mail with code number {send} as spam.",
}


@event("resets.campaign_mail_told")
class CampaignMailTold(Event[CodesState]):
    """What is known of the mail with code number {send}: {delivery}. {answer}"""

    send: int
    delivery: Delivery
    answer: str

    def evolve(self, codes: CodesState) -> CodesState:
        return codes.but(mails=codes.with_news(self.send, self.delivery, self.answer))

    def told(self, actor: str) -> str:
        what = _NEWS.get(self.delivery, "There is news of the mail with code number {send}.")
        said = f" It was answered: {self.answer}" if self.answer else ""
        return f"{what.format(send=self.send)}{said}"


@event("resets.campaign_code_verified")
class CampaignCodeVerified(Event[CodesState]):
    """{actor} typed the right code for the devices of {mailbox}."""

    mailbox: str

    def evolve(self, codes: CodesState) -> CodesState:
        return codes.but(verified=True, tries_left=0)


@event("resets.campaign_code_rejected")
class CampaignCodeRejected(Event[CodesState]):
    """{actor} typed a wrong code; {tries_left} tries left."""

    tries_left: int

    def evolve(self, codes: CodesState) -> CodesState:
        return codes.but(tries_left=self.tries_left)

    def refusal(self) -> RekeyError:
        return wrong_code(self.tries_left)


@event("resets.campaign_code_turned_away")
class CampaignCodeTurnedAway(Event[CodesState]):
    """{actor} typed a code that somebody else had asked for. It was not looked at; no try lost."""

    def evolve(self, codes: CodesState) -> CodesState:
        return codes

    def refusal(self) -> RekeyError:
        return not_your_code("these devices")


@event("resets.campaign_codes_disowned")
class CodesDisowned(Event[CodesState]):
    """{actor} said: this was not me. The devices of {mailbox} are left out of the campaign."""

    mailbox: str

    def evolve(self, codes: CodesState) -> CodesState:
        return codes.but(disowned=True, verified=False, tries_left=0)


# --- commands -------------------------------------------------------------------------------------


@command(by=Role.JOB, creates=None)
class BeginCodes(Command[CodesState]):
    """Say that the campaign needs a code from this mailbox."""

    campaign: UUID
    organisation: UUID
    site: UUID | None
    mailbox: str
    rules: CodeRules

    def decide(self, state: CodesState, now: datetime) -> Iterable[Event[CodesState]]:
        if state.campaign is None:
            yield CodesBegun(**self.__dict__)


@command(by=Role.TECHNICIAN)
class SendCampaignCode(Command[CodesState]):
    """Mail one code for all devices of the campaign that have this Reset Password Email."""

    asker: Actor = supplied()
    human: Human = supplied()
    need: Need = supplied()
    budget: Budget = supplied()

    @classmethod
    def offered(cls, codes: CodesState, now: datetime) -> bool:
        return not (codes.verified or codes.disowned)

    def decide(self, codes: CodesState, now: datetime) -> Iterable[Event[CodesState]]:
        self.need.refuse(codes, now)
        again_from = codes.may_send_from
        if again_from is not None and now < again_from:
            wait = int((again_from - now).total_seconds()) + 1
            raise Refused(
                "too_soon",
                f"{codes.sends} {'code was' if codes.sends == 1 else 'codes were'} sent. Another "
                f"may be sent in {spelled(wait)}; check the spam folder.",
                retry_after=wait,
            )
        self.budget.refuse()
        yield CampaignCodeIssued.next(
            codes.sends, codes.mailbox, codes.rules, now, self.asker, self.human.id
        )


@command(by=Role.TECHNICIAN)
class EnterCampaignCode(Command[CodesState]):
    """Enter the code from the email: it counts for all devices of this mailbox at once."""

    code: str = asked("Code from the email", secret=True, max_length=40)
    key: CodeKey = supplied()
    human: Human = supplied()
    need: Need = supplied()
    budget: Budget = supplied()

    @classmethod
    def offered(cls, codes: CodesState, now: datetime) -> bool:
        until = codes.code_expires_at
        return codes.code_is_live and until is not None and now < until

    @classmethod
    def offered_to(cls, codes: CodesState, person: str) -> bool:
        return codes.owner in ("", person)

    def decide(self, codes: CodesState, now: datetime) -> Iterable[Event[CodesState]]:
        self.need.refuse(codes, now)
        if not codes.sends:
            raise Conflict("no_code_sent", "No code was sent yet. Send one first.")
        refuse_if_dead(codes.tries_left, codes.code_expires_at, now)
        digits = codes.rules.digits
        typed = in_digits(self.code, digits)
        self.budget.refuse()
        if codes.owner and codes.owner != self.human.id:
            yield CampaignCodeTurnedAway()
        elif self.key.matches(typed, codes.id, codes.sends, digits):
            yield CampaignCodeVerified(masked(codes.mailbox))
        else:
            yield CampaignCodeRejected(codes.tries_left - 1)


@command(by=Role.JOB)
class RecordCampaignMail(Command[CodesState]):
    """Record what became of a mail, as far as it is news; also of a code that was replaced."""

    send: int
    delivery: Delivery
    answer: str

    def decide(self, codes: CodesState, now: datetime) -> Iterable[Event[CodesState]]:
        if codes.is_news(self.send, self.delivery):
            yield CampaignMailTold(self.send, self.delivery, self.answer)


@command(by=Role.TECHNICIAN)
class DisownCampaignCodes(Command[CodesState]):
    """Say that it was not you: no device of this mailbox is begun any more."""

    token: str = asked("What the mail's address says", secret=True, max_length=LONGEST)
    phone_key: PhoneKey = supplied()
    need: Need = supplied()

    def decide(self, codes: CodesState, now: datetime) -> Iterable[Event[CodesState]]:
        if not self.phone_key.holds(read(self.token), Kind.CAMPAIGN, codes):
            raise no_such_mail()
        refuse_late_mail(self.need, now)
        if not codes.disowned:
            yield CodesDisowned(masked(codes.mailbox))


def refuse_late_mail(need: Need, now: datetime) -> None:
    """Refuse what comes long after the campaign. Raises Refused."""
    if need.ends_at is None or now >= need.ends_at + DISOWNED_UNTIL:
        raise too_old("campaign")
