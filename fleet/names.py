"""Names that people give to things: one line, of signs that can be seen."""

from __future__ import annotations

import re

from fleet.errors import Refused

# Control characters, separators of lines and paragraphs, halves of characters, and signs that turn
# the direction of what stands after them. Others without a width belong to words of some languages.
_NOT_IN_A_LINE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def named(name: str, what: str) -> str:
    """The name of a site, a device …, without the space around it. `what` is said to people.

    Raises Refused.
    """
    name = name.strip()
    if not name:
        raise Refused("name_missing", f"Give the {what} a name.", field="name")
    if _NOT_IN_A_LINE.search(name):
        raise Refused(
            "name_unprintable",
            "There is a line break, or another sign that nobody sees, in this name. Type it anew,"
            " without.",
            field="name",
        )
    return name
