"""Mails as rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid5

from devices.mailbox import masked
from fleet.eventstore.projections import projects, projects_parts
from resets.campaigns.steps.codes import CampaignCodeIssued, CampaignMailTold
from resets.delivery.models import CodeMail, MailTest
from resets.delivery.state import MailTestState
from resets.readiness.events import DrillCodeIssued, DrillMailTold
from resets.state import Mailing
from resets.steps.deliver_code import NEWS
from resets.steps.send_code import CodeIssued

_ASKED = (CodeIssued, CampaignCodeIssued, DrillCodeIssued)
_TOLD = (*NEWS, CampaignMailTold, DrillMailTold)


@projects_parts(("reset", "campaign_codes", "drill"), CodeMail, on=(*_ASKED, *_TOLD))
def code_mails(state: Mailing) -> Iterator[dict[str, Any]]:
    for mail in state.mails:
        yield {
            "id": uuid5(state.id, f"code {mail.send}"),
            "send": mail.send,
            "at": mail.at,
            "domain": mail.domain,
            "delivery": mail.delivery.value,
            "answer": mail.answer,
        }


@projects("test_mail", MailTest)
def mail_test(test: MailTestState) -> dict[str, Any]:
    assert test.organisation
    return {
        "device": test.subject,
        "device_name": test.device_name,
        "mailbox": masked(test.recipient),
        "recipient_key": key_of(test.organisation, test.recipient),
        "asker": test.asker,
        "asked_at": test.asked_at,
        "delivery": test.delivery.value,
        "answer": test.answer,
    }


def key_of(organisation: UUID, mailbox: str) -> UUID:
    """Tells the mailboxes of an organisation apart without naming them."""
    return uuid5(organisation, f"mailbox {mailbox.casefold()}")
