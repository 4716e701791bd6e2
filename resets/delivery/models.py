"""The mails with codes, one row each, and the test mails."""

from __future__ import annotations

from django.db import models

from fleet.eventstore.models import PartModel, ReadModel
from resets.state import Delivery

_KNOWN = [(d.value, d.value) for d in Delivery]


class CodeMail(PartModel):
    """One mail with a code: of a reset, of a mailbox in a campaign or of a drill (`stream`). To
    which domain, when it was asked for, what became of it.
    """

    send = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    domain = models.CharField(max_length=254)
    delivery = models.CharField(max_length=12, choices=_KNOWN)
    answer = models.TextField()

    class Meta(PartModel.Meta):
        db_table = "code_mail"
        indexes = [
            models.Index(fields=["stream"], name="code_mail_by_reset"),
            # With all that is counted in them: a page of numbers then reads no table.
            models.Index(fields=["organisation", "at", "domain", "delivery"], name="code_mail_all"),
            models.Index(fields=["site", "at", "domain", "delivery"], name="code_mail_by_site"),
        ]

    def __str__(self) -> str:
        return f"{self.domain}: {self.delivery}"


class MailTest(ReadModel):
    """A test mail. `mailbox` is shown in part; `recipient_key` tells two of them apart."""

    device = models.UUIDField(null=True)
    device_name = models.CharField(max_length=200)
    mailbox = models.CharField(max_length=254)
    recipient_key = models.UUIDField()
    asker = models.CharField(max_length=200)
    asked_at = models.DateTimeField()
    delivery = models.CharField(max_length=12, choices=_KNOWN)
    answer = models.TextField()

    class Meta(ReadModel.Meta):
        db_table = "test_mail"
        indexes = [
            models.Index(fields=["organisation", "-asked_at"], name="test_mail_by_organisation"),
            models.Index(fields=["site", "-asked_at"], name="test_mail_by_site"),
            models.Index(fields=["device", "-asked_at"], name="test_mail_by_device"),
        ]

    def __str__(self) -> str:
        return f"{self.mailbox}: {self.delivery}"
