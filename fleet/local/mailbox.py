"""The mails that the sink keeps: one .eml file each, the newest 2,000."""

from __future__ import annotations

import email
import email.policy
import os
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

from django.utils.functional import cached_property

MOST_MAILS = 2_000


@dataclass(frozen=True)
class Mail:
    """One kept mail. `id` sorts by arrival; the rest is read from the file when asked for."""

    id: str
    path: Path

    @cached_property
    def message(self) -> EmailMessage:
        return email.message_from_bytes(self.path.read_bytes(), policy=email.policy.default)

    @property
    def received(self) -> datetime:
        return datetime.fromtimestamp(int(self.id.split("-")[0]) / 1e9, UTC)

    @property
    def to(self) -> list[str]:
        """Whom the envelope named, not what the To header claims."""
        return [str(address) for address in self.message.get_all("Delivered-To", [])]

    @property
    def sender(self) -> str:
        return str(self.message.get("From", ""))

    @property
    def subject(self) -> str:
        return str(self.message.get("Subject", ""))

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    @property
    def source(self) -> str:
        return self.path.read_bytes().decode("utf-8", "replace")

    def _part(self, kind: str) -> str:
        part = self.message.get_body(preferencelist=(kind,))
        if part is None:
            return ""
        try:
            return str(part.get_content())
        except (LookupError, ValueError):  # a charset that nobody knows
            return str(part.get_payload())


class Mailbox:
    """A folder of mails. Used from one thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        names = sorted(path.stem for path in folder.glob("*.eml"))
        self._mails = {name: self._mail(name) for name in names}
        self._forget_the_oldest()

    def keep(self, sender: str, recipients: list[str], content: bytes) -> Mail:
        """Store a mail; it is there whole or not at all."""
        envelope = [f"Return-Path: <{sender}>", *(f"Delivered-To: {to}" for to in recipients)]
        name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
        draft = self.folder / f".{name}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write("".join(f"{line}\r\n" for line in envelope).encode() + content)
        mail = self._mail(name)
        draft.rename(mail.path)
        self._mails[name] = mail
        self._forget_the_oldest()
        return mail

    def newest(self, to: str = "", limit: int = 100) -> list[Mail]:
        """Newest first; `to` is a part of a recipient's address, in any case."""
        found: list[Mail] = []
        for mail in reversed(self._mails.values()):
            if len(found) == limit:
                break
            if to.lower() in " ".join(mail.to).lower():
                found.append(mail)
        return found

    def get(self, name: str) -> Mail | None:
        return self._mails.get(name)

    def clear(self) -> None:
        for mail in self._mails.values():
            mail.path.unlink(missing_ok=True)
        self._mails.clear()

    def _mail(self, name: str) -> Mail:
        return Mail(name, self.folder / f"{name}.eml")

    def _forget_the_oldest(self) -> None:
        while len(self._mails) > MOST_MAILS:
            oldest = self._mails.pop(next(iter(self._mails)))
            oldest.path.unlink(missing_ok=True)
