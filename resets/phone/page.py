"""What pages show of QRs, and of the tokens in mails. Nothing is decided here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.conf import settings
from django.utils.functional import cached_property

from devices import queries as devices
from resets import words
from resets.phone import addresses, drawing
from resets.phone.queries import Held, Shown
from resets.state import Phase, ResetState, masked


@dataclass(frozen=True)
class Holder:
    """What the holder of a token sees. `done`: the button was pressed."""

    held: Held
    token: str
    done: bool

    @property
    def reset(self) -> ResetState:
        return self.held.state

    @property
    def device(self) -> Any:
        return self.held.device

    @property
    def zone(self) -> ZoneInfo:
        return devices.zone_of(self.held.device)

    @property
    def mailbox(self) -> str:
        return masked(self.reset.reset_email)

    @property
    def again_seconds(self) -> int:
        """How long until another code may be sent."""
        again = self.reset.may_send_from
        left = (again - self.held.now).total_seconds() if again else 0
        return max(0, math.ceil(left))

    @property
    def more_codes(self) -> int:
        return self.reset.rules.sends - self.reset.sends

    @property
    def was_stopped(self) -> bool:
        return self.reset.outcome == "disowned"

    @property
    def may_be_stopped(self) -> bool:
        return self.reset.phase.with_people


@dataclass(frozen=True)
class QrPanel:
    """The newest QR of a reset in the wizard. `may_show`: a new one may be shown by the reader."""

    reset: ResetState
    zone: ZoneInfo
    now: datetime
    is_own: bool
    may_show: bool

    @property
    def standing(self) -> str:
        """How it stands, in one word: "none", "live", "anothers", "used" or "expired"."""
        if not self.reset.qr:
            return "none"
        if self.reset.qr_used:
            return "used"
        if not self.reset.qr_is_live(self.now):
            return "expired"
        return "live" if self.is_own else "anothers"

    @property
    def goes_first(self) -> bool:
        """Whether it is what whoever looks is here for."""
        return self.standing == "live"

    @cached_property
    def address(self) -> str:
        return addresses.of_qr(self.reset)

    @property
    def image(self) -> str:
        return drawing.as_source(self.address)

    @property
    def is_far(self) -> bool:
        """Whether a phone can get to this server at all, as far as its address tells."""
        return not _on_this_machine(settings.REKEY_URL)


@dataclass(frozen=True)
class Card:
    """A QR on the sheet, or why there is none."""

    shown: Shown

    @property
    def reset(self) -> ResetState:
        return self.shown.state

    @property
    def device(self) -> Any:
        return self.shown.row.device

    @property
    def zone(self) -> ZoneInfo:
        return devices.zone_of(self.device)

    @property
    def is_live(self) -> bool:
        return self.shown.is_live

    @property
    def image(self) -> str:
        return drawing.as_source(addresses.of_qr(self.reset))

    @property
    def why_not(self) -> str:
        if self.reset.phase not in (Phase.REQUESTED, Phase.CODE_SENT):
            return words.PHASES[self.reset.phase].text
        if not self.reset.reset_email:
            return "No Reset Password Email is set"
        if self.reset.qr_used:
            return "Its QR was used: the code was sent"
        if self.reset.may_send_from is None:
            return "No more codes will be sent"
        return "Its QR has expired, or a newer one is shown"


def _on_this_machine(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
