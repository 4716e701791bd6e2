"""What became of a mail that tells somebody of an event: taken by a mail server, or by none."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, Event, command, event
from resets.notices.state import NoticeState, Told


@event("resets.notice_mailed")
class NoticeMailed(Event[NoticeState]):
    """{name} was told by mail ({mailbox}): {title}"""

    organisation: UUID
    site: UUID | None
    about: UUID
    title: str
    reader: str
    name: str
    mailbox: str
    answer: str

    def evolve(self, notice: NoticeState) -> NoticeState:
        return _told(notice, self, refused=False)


@event("resets.notice_refused")
class NoticeRefused(Event[NoticeState]):
    """{name} could not be told by mail ({mailbox}): {title}. {answer}"""

    organisation: UUID
    site: UUID | None
    about: UUID
    title: str
    reader: str
    name: str
    mailbox: str
    answer: str

    def evolve(self, notice: NoticeState) -> NoticeState:
        return _told(notice, self, refused=True)


def _told(notice: NoticeState, mail: NoticeMailed | NoticeRefused, *, refused: bool) -> NoticeState:
    one = Told(mail.reader, mail.name, mail.mailbox, refused, mail.answer)
    return notice.but(
        organisation=mail.organisation,
        site=mail.site,
        about=mail.about,
        title=mail.title,
        told=(*notice.told, one),
    )


@command(by=Role.JOB, creates=None)
class RecordNotice(Command[NoticeState]):
    """Record what became of one reader's mail; once, however often the job runs."""

    organisation: UUID
    site: UUID | None
    happened_to: UUID
    title: str
    told: Told

    def decide(self, notice: NoticeState, now: datetime) -> Iterable[Event[NoticeState]]:
        if notice.has_told(self.told.reader):
            return
        kind = NoticeRefused if self.told.refused else NoticeMailed
        yield kind(
            self.organisation,
            self.site,
            self.happened_to,
            self.title,
            self.told.reader,
            self.told.name,
            self.told.mailbox,
            self.told.answer,
        )
