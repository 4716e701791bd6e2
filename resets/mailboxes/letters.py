"""The letters about a changed mailbox: to both persons, to the old mailbox and to the new one.

Each reader sees their own mailbox in full and the other one in part; who proposed and who agreed
have seen both.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from devices.mailbox import masked
from devices.models import Device
from devices.queries import zone_of
from fleet.accounts.queries import address_of
from fleet.eventstore.messages import Recorded
from resets.mailboxes.state import MailboxState, Reader

WHO = {Reader.OLD_MAILBOX: "The old mailbox", Reader.NEW_MAILBOX: "The new mailbox"}


def who_is(reader: Reader, change: MailboxState) -> str:
    """The reader in a sentence."""
    persons = {Reader.PROPOSER: change.proposer, Reader.APPROVER: change.approver}
    return WHO.get(reader) or persons[reader]


def address(reader: Reader, change: MailboxState) -> str:
    """Where the reader's letter goes; "" where there is nobody to write to."""
    if reader is Reader.OLD_MAILBOX:
        return change.old_email
    if reader is Reader.NEW_MAILBOX:
        return change.reset_email
    return address_of(change.proposer_id if reader is Reader.PROPOSER else change.approver_id)


def letter_to(
    reader: Reader, change: MailboxState, changed: Recorded, device: Device
) -> EmailMultiAlternatives:
    """The letter to one of them; asked again, it is the same letter."""
    old, new = change.old_email, change.reset_email
    told = {
        "reader": reader.value,
        "change": change,
        "device": device,
        "old": old if reader is not Reader.NEW_MAILBOX else masked(old),
        "new": new if reader is not Reader.OLD_MAILBOX else masked(new),
        "at": changed.at,
        "address": settings.REKEY_URL,
        "link": settings.REKEY_URL + reverse("mailbox", args=[change.id]),
    }
    host = urlsplit(settings.REKEY_URL).hostname or "localhost"
    with timezone.override(zone_of(device)):
        text = render_to_string("resets/mail/mailbox_changed.txt", told)
        html = render_to_string("resets/mail/mailbox_changed.html", told)
    letter = EmailMultiAlternatives(
        subject=f"The Reset Password Email of {change.device_name} was changed",
        body=text,
        to=[address(reader, change)],
        headers={
            "Message-ID": f"<mailbox-{change.id}-{reader}@{host}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    letter.attach_alternative(html, "text/html")
    return letter
