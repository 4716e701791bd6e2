"""The test mail: no code, nothing to do, and who sent it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone

from resets.delivery.marks import Mark
from resets.delivery.state import MailTestState


def test_letter(test: MailTestState, site: str, zone: ZoneInfo) -> EmailMultiAlternatives:
    told = {"test": test, "site": site, "address": settings.REKEY_URL}
    with timezone.override(zone):
        text = render_to_string("resets/mail/test.txt", told)
        html = render_to_string("resets/mail/test.html", told)
    letter = EmailMultiAlternatives(
        subject="Test mail from Rekey",
        body=text,
        to=[test.recipient],
        headers={"Auto-Submitted": "auto-generated"},
    )
    letter.attach_alternative(html, "text/html")
    Mark(test.id).put_on(letter)
    return letter
