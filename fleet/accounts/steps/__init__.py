"""What can be done with organisations, roles and tokens. One step, one file."""

from fleet.accounts.steps import (
    found_organisation,
    grant_role,
    issue_token,
    revoke_role,
    revoke_token,
)

__all__ = ["found_organisation", "grant_role", "issue_token", "revoke_role", "revoke_token"]
