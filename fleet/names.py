"""Names that people give to things, and other text of one line, of signs that can be seen."""

from __future__ import annotations

import re

from fleet.errors import Refused

# Control characters, separators of lines and paragraphs, halves of characters, and signs that turn
# the direction of what stands after them. Others without a width belong to words of some languages.
_NOT_IN_A_LINE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_SAID = (
    "There is a line break, or another sign that nobody sees, in this {}. Type it anew, without."
)


def named(name: str, what: str) -> str:
    """The name of a site, a device …, without the space around it. `what` is said to people.

    Raises Refused.
    """
    name = name.strip()
    if not name:
        raise Refused("name_missing", f"Give the {what} a name.", field="name")
    if _NOT_IN_A_LINE.search(name):
        raise Refused("name_unprintable", _SAID.format("name"), field="name")
    return name


def refuse_lines(text: str, field: str) -> None:
    """Of text that is no name, such as what is searched for. Raises Refused."""
    if _NOT_IN_A_LINE.search(text):
        raise Refused("text_unprintable", _SAID.format("text"), field=field)
