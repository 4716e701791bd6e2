"""What a reset keeps in mind of the way onto its device. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


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
    """A factory restore: how long it is waited for, when the device was seen fresh; `by_hand`:
    somebody has set another password at the device than was `chosen`; `ticked`: what was put back.
    """

    until: datetime | None = None
    seen: datetime | None = None
    by_hand: bool = False
    chosen: UUID | None = None
    ticked: tuple[str, ...] = ()
