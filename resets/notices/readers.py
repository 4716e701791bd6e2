"""Who is told: one mail for each of them, however many reasons there are to write."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from devices.mailbox import same
from fleet.accounts import queries as accounts

MAILBOX, OLD_MAILBOX = "mailbox", "old_mailbox"


@dataclass(frozen=True)
class Reader:
    """Somebody to write to. `key` is the id of a person, or `mailbox` for whoever reads it, with
    its number behind where there are several.
    """

    key: str
    name: str
    email: str

    @property
    def has_account(self) -> bool:
        """Whether an address in the console is of any use to them."""
        return self.key.partition(" ")[0] not in (MAILBOX, OLD_MAILBOX)


def administrators(organisation: UUID, site: UUID | None, *, but: str = "") -> list[Reader]:
    """Those of the site and of its organisation, without the person of this id."""
    found = accounts.administrators(organisation, site)
    return [Reader(one.id, one.name, one.email) for one in found if one.id != but]


def person(person_id: str, organisation: UUID, site: UUID | None) -> list[Reader]:
    """A person, as long as they have a role there; nobody behind phones and jobs."""
    one = accounts.somebody_at(person_id, organisation, site)
    return [Reader(one.id, one.name, one.email)] if one else []


def owner(mailbox: str) -> list[Reader]:
    """Whoever reads the Reset Password Email, where one is set."""
    return [Reader(MAILBOX, "The owner of the mailbox", mailbox)]


def owner_before(mailbox: str) -> list[Reader]:
    """Whoever reads the mailbox that was the Reset Password Email until now, where one was set."""
    return [Reader(OLD_MAILBOX, "The owner of the old mailbox", mailbox)]


def each_once(readers: Iterable[Reader]) -> list[Reader]:
    """Those who have an address, and each address once: the first of its readers counts."""
    found: list[Reader] = []
    for reader in readers:
        if reader.email and not any(same(reader.email, one.email) for one in found):
            found.append(reader)
    return found
