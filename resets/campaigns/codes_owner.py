"""What whoever reads a mailbox may see and do with a campaign's devices of it. Nobody is signed in:
the token of the mail is all there is. One call of the domain each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from fleet.accounts.access import of_a_campaign_mailbox
from fleet.errors import NotFound
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.messages import By
from fleet.eventstore.store import state_of
from resets.campaigns.codes_queries import not_begun
from resets.campaigns.state import CampaignState, CodesState
from resets.campaigns.steps.codes import DisownCampaignCodes, Need, refuse_late_mail
from resets.campaigns.steps.items import TakeOutByOwner
from resets.phone.tokens import Kind, PhoneKey, read
from resets.steps.disown_reset import no_such_mail

BATCH = 500  # devices in one transaction


@dataclass(frozen=True)
class Owned:
    """The codes of a mailbox and their campaign, as the holder of an authentic token sees them."""

    codes: CodesState
    campaign: CampaignState
    now: datetime


def look(token: str) -> Owned:
    """What a mail was about; nothing is done. Raises Refused.

    Whatever was sent, the same is done until it is known: one stream is read, one MAC compared.
    """
    claim = read(token)
    try:
        codes = state_of(CodesState, claim.reset)
    except NotFound:  # the id of something else
        codes = CodesState(claim.reset)
    if not PhoneKey(settings.REKEY_CODE_KEY).holds(claim, Kind.CAMPAIGN, codes):
        raise no_such_mail()
    assert codes.campaign
    campaign, now = state_of(CampaignState, codes.campaign), timezone.now()
    refuse_late_mail(Need(campaign.phase, campaign.ends_at), now)
    return Owned(codes, campaign, now)


def take_out(token: str, source: str, items: Sequence[UUID]) -> int:
    """Take these devices out of the campaign, as far as they are of this mailbox and were not
    begun: all of them, or none. Answers with how many it were. Raises Refused.
    """
    owned = look(token)

    return _changed(lambda: _orders(owned, items), owned, source)


def take_out_all(token: str, source: str) -> int:
    """Take all devices of the mailbox out that were not begun. Raises Refused."""
    owned = look(token)
    count = 0
    while done := _changed(lambda: _orders(owned), owned, source):
        count += done
    return count


def disown(token: str, source: str) -> Owned:
    """Say that it was not you. Raises Refused."""
    owned = look(token)
    handle(DisownCampaignCodes(token), owned.codes.id, _by(owned, source))
    return look(token)


def _orders(owned: Owned, items: Sequence[UUID] | None = None) -> list[Order]:
    assert owned.codes.campaign
    rows = not_begun(owned.codes.campaign, owned.codes.mailbox)
    if items is not None:
        rows = rows.filter(pk__in=items)
    return [Order(TakeOutByOwner(), pk) for pk in rows.values_list("pk", flat=True)[:BATCH]]


def _changed(orders: Callable[[], list[Order]], owned: Owned, source: str) -> int:
    return sum(bool(outcome.events) for outcome in handle_all(orders, _by(owned, source)))


def _by(owned: Owned, source: str) -> By:
    return By(of_a_campaign_mailbox(owned.codes.organisation, owned.codes.site), source)
