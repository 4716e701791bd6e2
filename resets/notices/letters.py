"""The letter that tells one reader of what happened."""

from __future__ import annotations

from uuid import uuid5

from django.conf import settings
from django.core.mail import EmailMultiAlternatives

from resets.delivery.marks import message_id
from resets.delivery.writing import written
from resets.notices.cases import Case
from resets.notices.readers import OLD_MAILBOX, Reader


def letter_to(reader: Reader, case: Case) -> EmailMultiAlternatives:
    """For one event and reader it is always the same letter, under the same Message-ID."""
    told = {
        "case": case,
        "until_now": reader.key == OLD_MAILBOX,
        "link": settings.REKEY_URL + case.path if reader.has_account else "",
    }
    letter = written("notice", told, case.title, reader.email)
    known = f"notice-{uuid5(case.recorded.id, reader.key)}"
    letter.extra_headers["Message-ID"] = message_id(known)
    return letter
