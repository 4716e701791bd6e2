"""Sending mail, and keeping what the mail server said about it.

    reply = deliver(EmailMessage(..., headers={"Message-ID": "<reset-17-send-2@example.org>"}))

A job that is repeated sends the same mail again; the same Message-ID lets mailboxes see that.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import smtplib
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.message import sanitize_address

IDLE_SECONDS = 30.0  # servers hang up after some minutes (Postfix: five); do not wait for that
# Characters of a server's answer: more than is shown, so that what it quotes is found whole, and
# masked, before it is cut.
LONGEST_ANSWER = 1000
LATER = (401, 403, 408, 425, 429)  # HTTP: a mail service's "not now", and keys that are not right


@dataclass(frozen=True)
class SmtpReply:
    """What the server answered to the mail; `code` 0 when there was no SMTP server to answer."""

    code: int
    text: str


class MailFailed(Exception):
    """Not delivered. `code` is the server's (RFC 5321 §4.2), 0 without one; `text` says why."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)
        self.code = code
        self.text = text

    def __str__(self) -> str:
        return f"{self.code} {self.text}" if self.code else self.text


class MailDeferred(MailFailed):
    """Not now: 4xx, no connection, no sign-in, time-out. The same mail may be tried again later."""


class MailRefused(MailFailed):
    """Never: 5xx for the sender, the recipient or the mail itself. Trying again does not help."""


class SmtpBackend(EmailBackend):
    """Django's SMTP backend, speaking the dialogue itself so that the answer is not thrown away.

    After a send, `message.smtp_reply` is the server's answer to the mail. All recipients or none:
    when one is refused, nobody gets the mail. Raises MailDeferred and MailRefused.
    """

    def open(self) -> bool | None:
        try:
            return super().open()
        except (OSError, smtplib.SMTPException) as error:
            raise _unreachable(error) from error

    def close(self) -> None:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            super().close()
        self.connection = None

    @property
    def _dialogue(self) -> smtplib.SMTP:
        if self.connection is None:
            raise smtplib.SMTPServerDisconnected("not connected")
        return self.connection

    def drop(self) -> None:
        """Forget the connection without a word to the server."""
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def _send(self, message: EmailMessage) -> bool:
        if not message.recipients():
            return False
        sender, recipients, content = _envelope(message)
        try:
            self._introduce(sender, recipients, len(content))
            reply = _answer(self._dialogue.data(content))
        except smtplib.SMTPDataError as error:  # DATA itself was refused
            reply = _answer((error.smtp_code, error.smtp_error))
        except (OSError, smtplib.SMTPException) as error:
            self.drop()
            raise _unreachable(error) from error
        if reply.code // 100 != 2:
            raise self._failed(reply)
        message.smtp_reply = reply  # type: ignore[attr-defined]
        return True

    def _introduce(self, sender: str, recipients: list[str], size: int) -> None:
        """MAIL and RCPT, on a new connection when the kept one turns out to be gone.

        MAIL is the question whether the connection still lives: nothing was handed over before
        it, so that asking again on a new one cannot send a mail twice.
        """
        try:
            reply = self._mail_from(sender, size)
        except (OSError, smtplib.SMTPException):
            reply = None
        if reply is None or reply.code == 421:
            self.drop()
            self.open()
            reply = self._mail_from(sender, size)
        if reply.code != 250:
            raise self._failed(reply)
        for recipient in recipients:
            reply = _answer(self._dialogue.rcpt(recipient))
            if reply.code not in (250, 251):
                raise self._failed(reply)

    def _mail_from(self, sender: str, size: int) -> SmtpReply:
        self._dialogue.ehlo_or_helo_if_needed()
        options = []
        if self._dialogue.has_extn("size"):
            options.append(f"size={size}")
        if self._dialogue.has_extn("8bitmime"):
            options.append("body=8bitmime")
        return _answer(self._dialogue.mail(sender, options))

    def _failed(self, reply: SmtpReply) -> MailFailed:
        """The error for a refusal; the connection is made ready for the next mail."""
        try:
            if reply.code == 421 or self._dialogue.rset()[0] != 250:
                self.drop()
        except (OSError, smtplib.SMTPException):
            self.drop()
        permanent = reply.code // 100 == 5
        return (MailRefused if permanent else MailDeferred)(reply.code, reply.text)


def deliver(message: EmailMessage) -> SmtpReply:
    """Hand `message` to whatever EMAIL_BACKEND names, over this process's one kept connection.

    Returns the mail server's answer; for a backend that is not SMTP, an SmtpReply with code 0.
    Raises MailDeferred, MailRefused (also for a line break in a header: somebody tries to add
    headers). From several threads, one mail after the other.
    """
    with _line.lock:
        backend = _line.backend()
        try:
            _refuse_line_breaks(message)
            backend.open()
            sent = backend.send_messages([message])
        except _of_services() as error:
            raise _of_service(error) from error
        except ValueError as error:  # BadHeaderError, or an address that is none
            raise MailRefused(0, "The address or the subject is not valid; correct it.") from error
        except (OSError, smtplib.SMTPException) as error:
            raise _unreachable(error) from error
        finally:
            _line.used = time.monotonic()
    if not sent:
        raise MailRefused(0, "The mail has no recipient; set a Reset Password Email.")
    if (answer := _taken_by_service(message)) is not None and answer.code >= 400:
        raise MailRefused(answer.code, answer.text)
    return getattr(message, "smtp_reply", None) or SmtpReply(
        0, f"handed to {type(backend).__module__}"
    )


@dataclass
class _Line:
    """This process's way to the mail server, kept open between mails."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    kept: BaseEmailBackend | None = None
    made_for: tuple[Any, ...] = ()
    used: float = 0.0

    def backend(self) -> BaseEmailBackend:
        wanted = (
            os.getpid(), settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT,
            settings.EMAIL_HOST_USER, settings.EMAIL_USE_TLS, settings.EMAIL_USE_SSL,
        )  # fmt: skip
        if self.kept is not None and wanted != self.made_for:
            self.let_go()
        elif self.kept is not None and time.monotonic() - self.used > IDLE_SECONDS:
            self.kept.close()
        if self.kept is None:
            self.kept, self.made_for = get_connection(), wanted
        return self.kept

    def let_go(self) -> None:
        forked = self.made_for[0] != os.getpid()
        if self.kept is not None and forked and isinstance(self.kept, SmtpBackend):
            self.kept.drop()  # the socket is the parent's as well: no QUIT on it
        elif self.kept is not None:
            self.kept.close()
        self.kept = None


_line = _Line()


@atexit.register
def hang_up() -> None:
    """Close this process's kept connection, if there is one; the next mail opens a new one."""
    with _line.lock:
        if _line.kept is not None:
            _line.let_go()


# A thread of the parent may hold the lock at the moment of a fork; the child has no such thread.
os.register_at_fork(after_in_child=lambda: setattr(_line, "lock", threading.RLock()))


def _refuse_line_breaks(message: EmailMessage) -> None:
    """Raise ValueError when somebody tries to add headers, whichever way the mail goes."""
    values = [message.subject, message.from_email, *message.recipients()]
    values += message.extra_headers.values()
    if any("\r" in str(value) or "\n" in str(value) for value in values):
        raise ValueError("line break in a header")


def _envelope(message: EmailMessage) -> tuple[str, list[str], bytes]:
    encoding = message.encoding or settings.DEFAULT_CHARSET
    encoding = encoding if isinstance(encoding, str) else "utf-8"
    sender = sanitize_address(message.from_email, encoding)
    recipients = [sanitize_address(address, encoding) for address in message.recipients()]
    if any("\r" in address or "\n" in address for address in [sender, *recipients]):
        raise ValueError("line break in an address")
    return sender, recipients, message.message().as_bytes(linesep="\r\n")  # type: ignore[call-arg]


def _answer(answer: tuple[int, bytes | str]) -> SmtpReply:
    code, text = answer
    words = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    readable = "".join(c if c.isprintable() else " " for c in words)
    return SmtpReply(code, " ".join(readable.split())[:LONGEST_ANSWER])


def _of_services() -> tuple[type[Exception], ...]:
    """The errors of django-anymail, where mails go over a service's own interface."""
    if not settings.EMAIL_BACKEND.startswith("anymail."):
        return ()  # its import takes a while
    from anymail.exceptions import AnymailError

    return (AnymailError,)


def _of_service(error: Any) -> MailFailed:
    response = getattr(error, "response", None)
    if response is not None and response.status_code >= 400:
        said = _answer((response.status_code, response.text))
        deferred = said.code in LATER or said.code >= 500
        return (MailDeferred if deferred else MailRefused)(said.code, said.text)
    if isinstance(error, OSError):
        return MailDeferred(0, "The mail service cannot be reached.")
    return MailRefused(0, "The mail service does not take this mail, or not for this mailbox.")


def _taken_by_service(message: EmailMessage) -> SmtpReply | None:
    """What a mail service answered. Some refuse a mail and anymail, unsure, lets it pass."""
    response = getattr(getattr(message, "anymail_status", None), "esp_response", None)
    code = getattr(response, "status_code", None)
    return _answer((code, response.text)) if code and response is not None else None


def _unreachable(error: BaseException) -> MailDeferred:
    if isinstance(error, smtplib.SMTPResponseException):
        reply = _answer((error.smtp_code, error.smtp_error))
        return MailDeferred(reply.code if reply.code > 0 else 0, reply.text)
    if isinstance(error, smtplib.SMTPServerDisconnected) and error.__context__ is not None:
        error = error.__context__  # smtplib hides the socket's own error in there
    if isinstance(error, TimeoutError):
        return MailDeferred(0, "The mail server did not answer in time.")
    if isinstance(error, ConnectionRefusedError):
        return MailDeferred(0, "The mail server refuses connections; check SMTP_URL.")
    return MailDeferred(0, f"The mail server cannot be reached: {str(error)[:LONGEST_ANSWER]}")
