"""What the domain answers when the answer is no. No HTTP in here: the API and the pages translate.

RekeyError
├── Refused      the rules say no; nothing was done (or only the refusal was recorded)
├── NotFound     there is no such thing, or not for whoever asks: the two are never told apart
├── Forbidden    it is there and may be seen, but this may not be done with it
└── Conflict     somebody else was quicker, or it is already so

`code` is stable: integrators match on it. `message` is a sentence for people that says what to do
next.
"""

from __future__ import annotations

from typing import Any


class RekeyError(Exception):
    """Base of every error that a person or a program is meant to understand.

    `field` names the input that is wrong, where there is one; `facts` are further values that a
    program may want (tries left, seconds to wait). Neither ever holds a password, code or token.
    """

    def __init__(self, code: str, message: str, *, field: str | None = None, **facts: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.facts = facts

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code!r}, {self.message!r})"


class Refused(RekeyError):
    """The rules say no."""


class NotFound(RekeyError):
    """There is no such thing, or not for whoever asks."""

    def __init__(self, what: str = "thing", *, field: str | None = None) -> None:
        what = what.replace("_", " ")  # where it is the name of a stream
        where = "what you sent" if field else "the address or the list"
        super().__init__("not_found", f"There is no such {what}. Check {where}.", field=field)


class Forbidden(RekeyError):
    """It may be seen, but not done."""


class Conflict(RekeyError):
    """Somebody else was quicker, or it is already so."""
