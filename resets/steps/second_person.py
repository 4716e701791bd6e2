"""The second person: nobody agrees to what they asked for themselves, nor to what was not shown.

One rule for resets, mailboxes, campaigns and schedules; each has words of its own for it.
"""

from __future__ import annotations

from fleet.accounts.state import Human
from fleet.errors import Conflict, Forbidden


def may_agree(person: str, first: str) -> bool:
    """Whether `person` may answer what `first` has asked for, both by their id; "" is nobody."""
    return bool(person) and person != first


def refuse_nobody(human: Human, what: str) -> None:
    """Refuse what only a person may do, and no token without one. Raises Forbidden."""
    if not human.id:
        raise Forbidden("nobody_behind", f"Only a person may {what}.")


def refuse_unless_second(human: Human, first: str, what: str, own: str) -> None:
    """Refuse `what` to everybody but a person who is not `first`, the id of who has asked for it.
    `own` tells those so. Raises Forbidden.
    """
    refuse_nobody(human, what)
    if human.id == first:
        raise Forbidden("own_request", own)


def refuse_unless_shown(digest: str, bound: str) -> None:
    """Refuse to agree to anything but what is `bound` by its digest. Raises Conflict."""
    if digest.strip() != bound:
        raise Conflict(
            "digest_differs", "This is not what was shown. Load the page anew and read it."
        )
