"""A campaign under way whose devices share mailboxes; no device is there to be talked to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings

from fleet.eventstore.handling import handle
from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import read_stream, state_of
from resets.campaigns.codes_letter import owners_page
from resets.campaigns.models import CampaignCodes
from resets.campaigns.state import CodesState, Kind, codes_id
from resets.campaigns.steps.codes import SendCampaignCode
from resets.codes import CodeKey
from tests.cast import Cast
from tests.fleet.eventstore.ground import device
from tests.resets.campaigns import ground

KEEPER, PORTER = "keeper@example.com", "porter@example.net"


@dataclass(frozen=True)
class Shared:
    """A campaign with three devices on one mailbox and one on another."""

    who: Cast
    campaign: UUID
    devices: dict[str, UUID]

    @property
    def keeper(self) -> UUID:
        return codes_id(self.campaign, KEEPER)

    @property
    def porter(self) -> UUID:
        return codes_id(self.campaign, PORTER)

    def send(self, codes: UUID | None = None) -> UUID:
        """Have a code sent that Tess asks for; no worker mails it yet."""
        codes = codes or self.keeper
        handle(SendCampaignCode(), codes, self.who.by(self.who.tess))
        return codes

    def token(self, codes: UUID | None = None) -> str:
        return owners_page(state(codes or self.keeper), 1).partition("#")[2]

    def item(self, name: str) -> UUID:
        return ground.item_of(self.campaign, self.devices[name]).pk


def shared(who: Cast, names: Sequence[str] = ("Gate 1", "Gate 2", "Gate 3"), **more: Any) -> Shared:
    devices = {name: device(who, name=name, reset_email=KEEPER) for name in names}
    devices["Yard"] = device(who, name="Yard", reset_email=PORTER)
    campaign = ground.under_way(who, ground.second(who), Kind.RESET, **more)
    return Shared(who, campaign, devices)


def state(codes: UUID) -> CodesState:
    return state_of(CodesState, codes)


def row(codes: UUID) -> CampaignCodes:
    found: CampaignCodes = CampaignCodes.objects.for_jobs().get(pk=codes)
    return found


def code_of(codes: UUID, send: int = 1) -> str:
    return CodeKey(settings.REKEY_CODE_KEY).code(codes, send, 8)


def issued(codes: UUID) -> Recorded:
    return [r for r in read_stream(codes) if r.type == "resets.campaign_code_issued"][-1]
