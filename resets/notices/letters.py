"""The letter that tells one reader of what happened."""

from __future__ import annotations

from urllib.parse import urlsplit
from uuid import uuid5

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from resets.notices.cases import Case
from resets.notices.readers import OLD_MAILBOX, Reader


def letter_to(reader: Reader, case: Case) -> EmailMultiAlternatives:
    """For one event and reader it is always the same letter, under the same Message-ID."""
    told = {
        "case": case,
        "until_now": reader.key == OLD_MAILBOX,
        "link": settings.REKEY_URL + case.path if reader.has_account else "",
        "address": settings.REKEY_URL,
    }
    host = urlsplit(settings.REKEY_URL).hostname or "localhost"
    letter = EmailMultiAlternatives(
        subject=case.title,
        body=render_to_string("resets/mail/notice.txt", told),
        to=[reader.email],
        headers={
            "Message-ID": f"<notice-{uuid5(case.recorded.id, reader.key)}@{host}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    letter.attach_alternative(render_to_string("resets/mail/notice.html", told), "text/html")
    return letter
