"""The test mail: no code, nothing to do, and who sent it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.core.mail import EmailMultiAlternatives

from resets.delivery.marks import Mark
from resets.delivery.state import MailTestState
from resets.delivery.writing import written


def test_letter(test: MailTestState, site: str, zone: ZoneInfo) -> EmailMultiAlternatives:
    told = {"test": test, "site": site}
    letter = written("test", told, "Test mail from Rekey", test.recipient, zone)
    Mark(test.id).put_on(letter)
    return letter
