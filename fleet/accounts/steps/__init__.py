"""The contents page of organisations, roles and tokens: what can be done with them."""

from fleet.eventstore.messages import contents

contents(
    __name__,
    "found_organisation",
    "grant_role",
    "revoke_role",
    "issue_token",
    "revoke_token",
)
