"""How a mail is known again when a mail service tells what became of it.

Its reference stands in the Message-ID, which mail servers keep, and in the metadata that mail
services hand back with each of their webhooks. It is no secret, and nothing is to be had for it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMessage

KEY = "rekey"  # of the reference, in the metadata
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_REFERENCE = re.compile(
    rf"<?(?:reset-(?P<reset>{_UUID})-(?P<send>[1-9]\d?)"
    rf"|campaign-(?P<codes>{_UUID})-(?P<sent>[1-9]\d{{0,3}})"
    rf"|drill-(?P<drill>{_UUID})-(?P<nth>[1-9]\d?)"
    rf"|test-(?P<test>{_UUID}))(?:@[^\s<>@]+>?)?"
)


def _json(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, separators=(", ", ": "))


# The header in which each service takes metadata of a mail that comes to it by SMTP. Through their
# own interfaces, anymail says it; what is not here is known by its Message-ID alone.
_HEADERS: dict[str, tuple[str, Callable[[str], str]]] = {
    "amazon_ses": ("X-Metadata", lambda reference: _json({KEY: reference})),
    "brevo": ("X-Mailin-custom", lambda reference: _json({KEY: reference})),
    "mailgun": ("X-Mailgun-Variables", lambda reference: _json({KEY: reference})),
    "mailjet": ("X-MJ-EventPayload", lambda reference: _json({KEY: reference})),
    "mailtrap": ("X-MT-Custom-Variables", lambda reference: _json({KEY: reference})),
    "mandrill": ("X-MC-Metadata", lambda reference: _json({KEY: reference})),
    "postmark": (f"X-PM-Metadata-{KEY}", str),
    "sendgrid": ("X-SMTPAPI", lambda reference: _json({"unique_args": {KEY: reference}})),
    "sparkpost": ("X-MSYS-API", lambda reference: _json({"metadata": {KEY: reference}})),
}


@dataclass(frozen=True)
class Mark:
    """Which mail it is: the code of a reset's send, that of a campaign's or a drill's, or (`send`
    0) a test mail.
    """

    stream: UUID
    send: int = 0
    of_campaign: bool = False
    of_drill: bool = False

    @property
    def reference(self) -> str:
        if not self.send:
            return f"test-{self.stream}"
        what = "campaign" if self.of_campaign else "drill" if self.of_drill else "reset"
        return f"{what}-{self.stream}-{self.send}"

    def put_on(self, letter: EmailMessage) -> None:
        """Mark a letter. The same mail has the same mark each time that it is sent."""
        letter.extra_headers["Message-ID"] = message_id(self.reference)
        letter.metadata = {KEY: self.reference}  # type: ignore[attr-defined]
        if settings.EMAIL_BACKEND.startswith("anymail."):
            return
        if settings.REKEY_MAIL_SERVICE in _HEADERS:
            header, written = _HEADERS[settings.REKEY_MAIL_SERVICE]
            letter.extra_headers[header] = written(self.reference)


def message_id(reference: str) -> str:
    """Of Rekey's own host, so that nobody else's is the same."""
    host = urlsplit(settings.REKEY_URL).hostname or "localhost"
    return f"<{reference}@{host}>"


def read(text: object) -> Mark | None:
    """The mark that a reference or a Message-ID is; None for anybody else's mail."""
    found = _REFERENCE.fullmatch(text.strip()) if isinstance(text, str) else None
    if found is None:
        return None
    if found["test"]:
        return Mark(UUID(found["test"]))
    if found["codes"]:
        return Mark(UUID(found["codes"]), int(found["sent"]), of_campaign=True)
    if found["drill"]:
        return Mark(UUID(found["drill"]), int(found["nth"]), of_drill=True)
    return Mark(UUID(found["reset"]), int(found["send"]))


def of(metadata: object, message_id: object) -> Mark | None:
    """The mark of a mail that a service tells of."""
    told = metadata.get(KEY) if isinstance(metadata, Mapping) else None
    return read(told) or read(message_id)
