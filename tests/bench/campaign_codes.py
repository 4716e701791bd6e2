"""The codes of a campaign: asked for, read in the mails as they arrive, and typed back."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen
from uuid import UUID

from fleet.eventstore.handling import handle
from fleet.eventstore.messages import By
from fleet.eventstore.tasks import sweep, wake
from resets.campaigns.models import CampaignCodes
from resets.campaigns.steps.codes import EnterCampaignCode, SendCampaignCode

SHARED_BY = 25  # devices of one mailbox
_CODE = re.compile(r"^ {4}(\d{4} \d{4})\s*$", re.MULTILINE)
_LONGEST = 120.0  # seconds until the last mail is there


def mailbox_of(number: int) -> str:
    """The mailbox of the n-th device."""
    return f"yard-{number // SHARED_BY}@keys.example.com"


@dataclass(frozen=True)
class Inbox:
    """What the mail sink has taken."""

    port: int

    def mails(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self._ask("GET", "?limit=100000"))
        return found

    def with_codes(self) -> list[dict[str, Any]]:
        return [mail for mail in self.mails() if mail["subject"].startswith("Verification code")]

    def clear(self) -> None:
        self._ask("DELETE")

    def _ask(self, method: str, query: str = "") -> bytes:
        url = f"http://127.0.0.1:{self.port}/api/mails{query}"
        with urlopen(Request(url, method=method), timeout=30) as answer:
            told: bytes = answer.read()
            return told


def type_codes(campaign: UUID, by: By, inbox: Inbox) -> None:
    """Ask for the code of each mailbox of a campaign, and enter what comes to it."""
    rows = CampaignCodes.objects.for_jobs().filter(campaign=campaign)
    waiting = dict(rows.values_list("mailbox", "pk"))
    for codes in waiting.values():
        handle(SendCampaignCode(), codes, by)
    wake(sweep, urgent=True)  # as the web's process does; nobody reacts to anything in this one
    ends = time.monotonic() + _LONGEST
    while waiting:
        assert time.monotonic() < ends, f"{len(waiting)} mails have not come"
        for mail in inbox.with_codes():
            if (codes := waiting.pop(mail["to"][0], None)) is not None:
                found = _CODE.search(mail["text"])
                assert found, "no code in the mail"
                handle(EnterCampaignCode(found[1]), codes, by)
        time.sleep(0.1)


def mails_told(campaign: UUID, inbox: Inbox) -> str:
    """How many mails there were; of those with codes one for each mailbox, and no more."""
    rows = CampaignCodes.objects.for_jobs().filter(campaign=campaign)
    mailboxes = sorted(rows.values_list("mailbox", flat=True))
    assert sorted(mail["to"][0] for mail in inbox.with_codes()) == mailboxes
    others = len(inbox.mails()) - len(mailboxes)
    codes = f"{len(mailboxes)} mails with codes, one for each mailbox" if mailboxes else "no code"
    return f"{codes}, and {others} mails that tell of it"
