"""The Reset Password Email of a device: what may be one, and how those see it who only look.

The one place for both. This is syntax alone; whether the domain takes mail is asked where a mailbox
is proposed (`resets.mailboxes.domains`), never inside a transaction.
"""

from __future__ import annotations

from functools import lru_cache

from email_validator import SPECIAL_USE_DOMAIN_NAMES, EmailNotValidError, validate_email

from fleet.errors import Refused

LONGEST = 254  # RFC 5321 §4.5.3.1.3: a path has 256, two of them brackets
LONGEST_NAME = 64  # RFC 5321 §4.5.3.1.1
FIELD = "reset_email"  # what commands call it

# A house's own mail server may well be at a name in .local, and a trial's at one in .test.
SPECIAL_USE_DOMAIN_NAMES[:] = [n for n in SPECIAL_USE_DOMAIN_NAMES if n not in ("local", "test")]
_DOTS = "•••"  # there is no such sign in a mailbox
_NOWHERE = tuple(f".{name}" for name in SPECIAL_USE_DOMAIN_NAMES)


@lru_cache(maxsize=1024)  # in a list of devices, most lines name the same one
def checked(email: str) -> str:
    """The mailbox, its domain as DNS compares it. RFC 5321, ASCII before the @-sign, as most mail
    servers want it. Raises Refused; what was typed is not repeated in it.
    """
    email = email.strip(" ")
    name, _, domain = email.partition("@")
    if not email:
        raise _refused("mailbox_missing", "Name a mailbox, such as name@example.com.")
    if not email.isprintable():
        raise _refused(
            "mailbox_unprintable",
            "There is a line break, or another sign that nobody sees, in this mailbox. Type it"
            " anew, without.",
        )
    if "@" in domain or "," in email or ";" in email:
        raise _refused("mailbox_several", "Name one mailbox: a code goes to one alone.")
    if len(email) > LONGEST or len(name) > LONGEST_NAME:
        raise _refused(
            "mailbox_too_long",
            f"A mailbox has {LONGEST} characters at most, {LONGEST_NAME} of them before the"
            " @-sign.",
        )
    if f".{domain}".lower().endswith(_NOWHERE):
        raise unreachable("No mail goes to names like this one.")
    try:
        found = validate_email(
            email,
            allow_smtputf8=False,
            check_deliverability=False,
            strict=True,
        )
    except EmailNotValidError:
        raise _refused("mailbox_malformed", "Use a form such as name@example.com.") from None
    return found.normalized


def unreachable(why: str) -> Refused:
    """The answer to a mailbox whose domain takes no mail."""
    return _refused("mailbox_unreachable", f"{why} Look at what stands behind the @-sign.")


def same(one: str, other: str) -> bool:
    """Whether both name one mailbox. Those that were named long ago stand as they were typed."""
    return _compared(one) == _compared(other)


def masked(email: str) -> str:
    """A mailbox so that its owner knows it and nobody else learns it: `a•••e@e•••e.com`. One that
    is so already stays as it is.
    """
    if _DOTS in email:
        return email
    name, _, domain = email.partition("@")
    host, dot, rest = domain.rpartition(".")
    if not dot:
        host, rest = domain, ""
    return f"{_dotted(name)}@{_dotted(host)}{dot}{rest}" if email else ""


def spelled(email: str) -> str:
    """One spelling for a mailbox: its domain is the same in any letters, its name may not be
    (RFC 5321, 2.4).
    """
    name, at, domain = email.rpartition("@")
    return f"{name}{at}{domain.lower()}"


def _compared(email: str) -> tuple[str, str]:
    name, _, domain = email.rpartition("@")
    return name, domain.casefold()


def _dotted(text: str) -> str:
    return f"{text[:1]}{_DOTS}{text[-1:]}" if len(text) > 2 else f"{text[:1]}{_DOTS}"


def _refused(code: str, message: str) -> Refused:
    return Refused(code, message, field=FIELD)
