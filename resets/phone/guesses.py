"""Who sends what is no token, and how often: after too many from one source it has to wait.

No guess of 128 bits is ever right; this is for the server's sake. So a plain count will do, in each
process on its own where no cache is shared.
"""

from __future__ import annotations

from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from urllib.parse import quote

from django.core.cache import cache

from fleet.errors import Refused

MOST = 20
WINDOW = 60  # seconds


def refuse_too_many(source: str) -> None:
    """Raises Refused once a source has made too many."""
    if cache.get(_key(source), 0) >= MOST:
        raise Refused(
            "too_many_tokens",
            "Too many addresses were tried from here that are none. Try again in a minute.",
            retry_after=WINDOW,
        )


def count(source: str) -> None:
    cache.add(_key(source), 0, WINDOW)
    with suppress(ValueError):  # its minute is over just now
        cache.incr(_key(source))


def _key(source: str) -> str:
    try:
        address = ip_address(source)
    except ValueError:
        return f"phone_{quote(source)}"
    if isinstance(address, IPv6Address):  # a household has 2**64 of them
        return f"phone_{int(address) >> 64:x}"
    return f"phone_{address}"
