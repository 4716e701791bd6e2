"""What counts, and over what: the keys under which uses of a limit stand.

Every use stands under the keys of all scopes, whether or not a limit asks for them today: so the
table of uses follows from the log alone, and a new limit knows at once what was before it.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from uuid import UUID

from resets.campaigns.state import CodesState
from resets.limits.rules import Counted, Scope


@dataclass(frozen=True)
class About:
    """What a command or an event is about. Blank: there is none of it, or nobody knows.

    `person` is the id of whoever stands behind the actor, so that a token counts for its person. A
    campaign's code is about no one device, and about no site where the campaign is for several.
    """

    organisation: UUID
    site: UUID | None
    device: UUID | None
    mailbox: str = ""
    person: str = ""
    source: str = ""
    nvr: UUID | None = None

    @classmethod
    def of_campaign(cls, codes: CodesState) -> About:
        """Of the codes for one mailbox. Not over who asks and from where: one person may well send
        a campaign's codes to a hundred mailboxes, and its approval and its pace hold for that.
        """
        assert codes.organisation
        return cls(codes.organisation, codes.site, None, codes.mailbox)

    def values(self, *, strange: bool = False) -> dict[Scope, str]:
        """What is counted over, by scope; without the scopes that have nothing here.

        `strange`: a guess at somebody else's code. It is turned away unread, so it proves nothing
        about the device or the mailbox, and must not use up what their owner has left.
        """
        own = {} if strange else {Scope.DEVICE: str(self.device or ""), Scope.MAILBOX: self.mailbox}
        values = {
            **own,
            Scope.PERSON: self.person,
            Scope.SOURCE: self.source,
            Scope.NVR: str(self.nvr or ""),
            Scope.SITE: str(self.site or ""),
            Scope.ORGANISATION: str(self.organisation),
            Scope.EVERYTHING: "everything",
        }
        return {scope: value for scope, value in values.items() if value}

    def keys(self, counted: Counted | None, *, strange: bool = False) -> dict[Scope, UUID]:
        """The keys under which a use of it stands; without `counted`, of the things themselves."""
        values = self.values(strange=strange)
        return {s: key_of(counted, s, self.organisation, value) for s, value in values.items()}


def key_of(counted: Counted | None, scope: Scope, organisation: UUID, value: str) -> UUID:
    """A hash of 16 bytes: no mailbox and no address stands in the table of uses.

    Shared things, such as a mailbox, are counted for each organisation on its own: else one would
    learn from what it has left what another does. Without `counted`, of the thing itself.
    """
    within = "" if scope in (Scope.PERSON, Scope.EVERYTHING) else str(organisation)
    text = "\0".join((counted or "", scope, within, value.strip().casefold()))
    return UUID(bytes=blake2b(text.encode(), digest_size=16, person=b"rekey limits").digest())


@dataclass(frozen=True)
class Happened:
    """A use as it stands in the log. `ours`: it is what a preview is about; others only count."""

    at: datetime
    counted: Counted
    keys: Mapping[Scope, UUID]
    device: UUID | None
    ours: bool = True
    site: UUID | None = None

    def seen_from(self, site: UUID | None) -> Happened:
        """As a preview for one site has it; None: for all of an organisation."""
        return replace(self, ours=site is None or site == self.site)
