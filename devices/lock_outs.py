"""How many wrong logins a device takes before it locks itself, as far as vendors have said.

Sources: Hikvision's and Dahua's manuals as in `reference/rules-and-numbers.md`; TP-Link VIGI tells
over its local API (`vigi_local`), and not over ONVIF. What is not known is taken to be strict.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LockOut:
    """`tries` wrong logins lock the device for `locks` seconds. Without one, they are forgotten
    `forgets` seconds after the last: where the vendor does not say, a generous guess.
    """

    tries: int
    locks: int
    forgets: int

    @property
    def doubtful(self) -> int:
        """How many logins that may well be wrong Rekey tries on end: the last try is never spent,
        and one more is kept for a login that should be right.
        """
        return self.tries - 2


UNKNOWN = LockOut(tries=5, locks=1800, forgets=1800)
_KNOWN = {
    ("hikvision", "camera"): LockOut(tries=5, locks=1800, forgets=1800),  # 7 for admin alone
    ("hikvision", "nvr"): LockOut(tries=7, locks=60, forgets=1800),
    ("dahua", "camera"): LockOut(tries=5, locks=300, forgets=1800),
    ("dahua", "nvr"): LockOut(tries=5, locks=300, forgets=1800),
}
LONGEST_MEMORY = max(one.forgets for one in (UNKNOWN, *_KNOWN.values()))
"""Seconds after which every device has forgotten a wrong login."""


def of(manufacturer: str, kind: str) -> LockOut:
    """What is known of a maker's devices."""
    maker = manufacturer.lower()
    for (name, what), lock_out in _KNOWN.items():
        if name in maker and what == kind:
            return lock_out
    return UNKNOWN
