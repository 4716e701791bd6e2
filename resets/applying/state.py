"""What a reset keeps in mind of the way onto its device. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Taken:
    """A challenge of the device's, none of it a secret.

    `send`: the code that it is for; 0: none, Rekey answers it by itself. `value` in base64url.
    `brought`: by somebody who stood at the device.
    """

    send: int
    challenge: str
    value: str
    serial: str
    expires_at: datetime
    brought: bool = False


@dataclass(frozen=True)
class Order:
    """What somebody carries to the device is made from this again each time (see `orders`).

    `nonce` in base64url; `expires_at`: until when the device takes it; `answer_until`: how long its
    result is waited for; `outcome`: what that was, "" so far.
    """

    number: int
    nonce: str
    challenge: str
    value: str
    serial: str
    expires_at: datetime
    answer_until: datetime
    outcome: str = ""


@dataclass(frozen=True)
class Restore:
    """A factory restore: `seen` fresh, `by_hand`: somebody has set the password at the device."""

    seen: bool = False
    by_hand: bool = False
    ticked: tuple[str, ...] = ()
