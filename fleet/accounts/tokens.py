"""API tokens: the one place where one is made, and the one moment at which it is known."""

from __future__ import annotations

import secrets
from uuid import UUID

from fleet.accounts.access import digest_of
from fleet.accounts.state import Role
from fleet.accounts.steps.issue_token import IssueToken
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import By

SECRET_BYTES = 32


def issue(
    organisation: UUID, name: str, role: Role, days: int, by: By, site: UUID | None = None
) -> str:
    """Make a token for whoever asks. Show what comes back once: nobody can get at it again.

    It is for all sites of the organisation, or for one of them.

    Raises Refused, NotFound and Forbidden.
    """
    # The underscore parts the token's id from its secret, so the secret has none.
    token, secret = new_id(), secrets.token_hex(SECRET_BYTES)
    handle(IssueToken(organisation, digest_of(secret), name, role, days, site), token, by)
    return f"rk_{token.hex}_{secret}"
