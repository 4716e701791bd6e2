"""What mail servers and services say of a mail, fit to be kept and shown.

They quote what they were sent: the mailbox, and at times the letter with the code in it. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from devices.mailbox import masked

LONGEST = 300  # characters that are kept
# Nothing that helps people is that long without a gap; what opens something is.
_OPAQUE = re.compile(r"[A-Za-z0-9_+/=-]{40,}")
_BETWEEN = r"[\s,.\-_]{0,3}"  # the digits of a code, as it is shown or read out


def cleaned(answer: str, mailboxes: Iterable[str], code: str = "") -> str:
    """The answer without the code, the mailboxes and whatever else might open something."""
    if code:
        answer = re.sub(_BETWEEN.join(code), "…", answer)
    answer = _OPAQUE.sub("…", answer)
    for mailbox in filter(None, mailboxes):
        answer = _shown(answer, re.escape(mailbox), masked(mailbox))
        # Servers also say `user name unknown`, `name%40example.com`, `name=example.com@…`.
        name = mailbox.rpartition("@")[0]
        for one in dict.fromkeys((name, name.partition("+")[0])):
            if len(one) > 2:
                word = rf"(?<![^\W_]){re.escape(one)}(?![^\W_])"
                answer = _shown(answer, word, f"{one[0]}•••{one[-1]}")
    readable = "".join(c if c.isprintable() else " " for c in answer)
    return " ".join(readable.split())[:LONGEST]


def _shown(answer: str, what: str, instead: str) -> str:
    return re.sub(what, lambda _: instead, answer, flags=re.IGNORECASE)


def told(status: int, text: str, mailboxes: Iterable[str], code: str = "") -> str:
    """The answer to a letter, as `fleet.mail` has it. With status 0 they are Rekey's own words."""
    return f"{status} {cleaned(text, mailboxes, code)}".strip() if status else text
