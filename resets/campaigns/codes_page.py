"""What pages show of a campaign's codes. Nothing is decided here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from email.utils import parseaddr
from typing import Any

from django import forms
from django.conf import settings
from django.core.paginator import Page, Paginator
from django.utils.functional import cached_property

from devices.queries import mailbox_shown
from fleet.accounts.access import human, may
from fleet.accounts.state import Role
from fleet.eventstore.messages import Actor
from resets.campaigns import codes_queries, words
from resets.campaigns.codes_owner import Owned
from resets.campaigns.state import CampaignPhase, CodesState, Standing
from resets.campaigns.steps.codes import EnterCampaignCode, SendCampaignCode
from resets.limits.rules import spelled
from resets.state import masked
from resets.words import DELIVERIES, Look

OWNERS_PER_PAGE = 200
SHOWN = 50  # devices on the page of a mailbox

STANDINGS = {
    "verified": Look("ok", "Code entered", "circle-check"),
    "disowned": Look("bad", "“This was not me”", "shield-x"),
    "nothing": Look("quiet", "No device waits", "circle-minus"),
    "over": Look("quiet", "Never entered", "timer-off"),
    "early": Look("quiet", "Not yet", "users"),
    "unsent": Look("warn", "Code not sent yet", "mail"),
    "sent": Look("warn", "Waits for the code", "mail-search"),
    "void": Look("warn", "The code no longer counts", "timer-off"),
}


@dataclass(frozen=True)
class Mailbox:
    """One mailbox of a campaign for one reader: its row and its state, and its devices' counts.
    `form`: of a code that was typed and turned down.
    """

    actor: Actor
    campaign: Any
    row: Any
    state: CodesState
    counts: Mapping[str, int]
    now: datetime
    zone: tzinfo
    form: forms.Form | None = None

    @property
    def name(self) -> str:
        """In full for those who may send codes, in part for those who only look."""
        place = (self.state.organisation, self.state.site)
        return mailbox_shown(self.actor, self.state.mailbox, *place)

    @property
    def devices(self) -> int:
        return self.counts.get("devices", 0)

    @property
    def waiting(self) -> int:
        return self.counts.get("waiting", 0)

    @cached_property
    def standing(self) -> str:
        """A key of `STANDINGS`."""
        if self.state.disowned:
            return "disowned"
        if self.state.verified:
            return "verified"
        phase = CampaignPhase(self.campaign.phase)
        if phase in (CampaignPhase.DRAWING_UP, CampaignPhase.AWAITING_APPROVAL):
            return "early"
        if not self.waiting:
            return "nothing"
        if phase not in codes_queries.TAKES_CODES or self.now >= self.campaign.ends_at:
            return "over"
        if not self.state.sends:
            return "unsent"
        return "sent" if self.code_counts else "void"

    @property
    def look(self) -> Look:
        return STANDINGS[self.standing]

    @property
    def delivery(self) -> Look:
        return DELIVERIES[self.state.delivery]

    @property
    def news(self) -> str:
        """What is read out when something has happened."""
        return self.delivery.text if self.standing == "sent" else self.look.text

    @property
    def wants_code(self) -> bool:
        return self.standing in ("unsent", "sent", "void")

    @property
    def may_send(self) -> bool:
        held = (Role(SendCampaignCode.by), self.state.organisation, self.state.site)
        return self.wants_code and may(self.actor, *held)

    @property
    def is_own(self) -> bool:
        return EnterCampaignCode.offered_to(self.state, human(self.actor).id)

    @property
    def may_enter(self) -> bool:
        return self.may_send and self.standing == "sent" and self.is_own

    @property
    def code_counts(self) -> bool:
        return EnterCampaignCode.offered(self.state, self.now)

    @property
    def code_left(self) -> str:
        """How long the code is valid yet."""
        left = self._seconds_until(self.state.code_expires_at)
        return spelled(left if left < 60 else math.ceil(left / 60) * 60)

    @property
    def again_seconds(self) -> int:
        return self._seconds_until(self.state.may_send_from)

    @property
    def again_in(self) -> str:
        """How long until a code may be sent again; "" when it may be now."""
        left = self.again_seconds
        return spelled(left if left < 120 else math.ceil(left / 60) * 60) if left else ""

    @property
    def sender(self) -> str:
        """The address that people are asked to allow."""
        return parseaddr(settings.DEFAULT_FROM_EMAIL)[1]

    @property
    def hint(self) -> str:
        return f"{self.state.rules.digits} digits. Spaces between them do not matter."

    @property
    def rests(self) -> bool:
        """Whether nothing changes by itself any more."""
        ahead = self.standing == "verified" and self.waiting
        return not (self.wants_code or ahead or self.standing == "early")

    @property
    def version(self) -> str:
        """Changes when the live part would look different."""
        code = self.code_left if self.code_counts else ""
        return f"{self.row.version}.{self.standing}.{self.waiting}.{self.again_in}.{code}"

    def _seconds_until(self, at: datetime | None) -> int:
        return max(0, math.ceil((at - self.now).total_seconds())) if at else 0


@dataclass(frozen=True)
class OwnersPage:
    """What the holder of a mail's token sees. `taken`: so many devices were just taken out."""

    owned: Owned
    token: str = field(repr=False)
    number: str = "1"
    taken: int | None = None
    disowned_now: bool = False

    @property
    def campaign(self) -> Any:
        return self.owned.campaign

    @property
    def is_disowned(self) -> bool:
        return self.owned.codes.disowned

    @property
    def mailbox(self) -> str:
        return masked(self.owned.codes.mailbox)

    @cached_property
    def page(self) -> Page[Any]:
        rows = codes_queries.items_of(self.owned.campaign.id, self.owned.codes.mailbox)
        return Paginator(rows, OWNERS_PER_PAGE).get_page(self.number)

    @property
    def devices(self) -> int:
        return self.page.paginator.count

    @cached_property
    def waiting(self) -> int:
        """How many can still be taken out."""
        if self.is_disowned:
            return 0
        return codes_queries.not_begun(self.owned.campaign.id, self.owned.codes.mailbox).count()

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        items = list(self.page)
        sites = codes_queries.site_names(item.site for item in items)
        return [
            {
                "id": item.pk,
                "name": item.device_name,
                "site": sites.get(item.site, ""),
                "look": words.STANDINGS[self._standing(item)],
                "may": item.standing in codes_queries.NOT_BEGUN and not self.is_disowned,
            }
            for item in items
        ]

    def _standing(self, item: Any) -> Standing:
        """What was disowned is left out, also while no worker has come to it yet."""
        left_out = self.is_disowned and item.standing in codes_queries.NOT_BEGUN
        return Standing.LEFT_OUT if left_out else Standing(item.standing)

    @property
    def more(self) -> list[int]:
        """The numbers of the list's pages, where there are several."""
        pages = self.page.paginator.num_pages
        return list(range(1, pages + 1)) if pages > 1 else []
