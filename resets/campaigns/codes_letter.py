"""The one mail with the one code for all devices of a campaign that share a Reset Password Email.

The code stands in the body alone, and the token of the owner's page in the fragment of its address.
"""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.urls import reverse

from fleet.eventstore.messages import Recorded
from fleet.eventstore.store import state_of
from resets.campaigns.codes_queries import not_begun, site_names, zone_of
from resets.campaigns.state import CampaignState, CodesState
from resets.campaigns.steps.codes import CampaignCodeIssued
from resets.codes import CodeKey
from resets.delivery.marks import Mark
from resets.delivery.writing import of_code, written
from resets.phone.tokens import Kind, PhoneKey
from resets.steps.disown_reset import DISOWNED_UNTIL

LISTED = 50  # devices in the mail; all of them stand on the owner's page


def code_of(codes: CodesState) -> str:
    """The newest code."""
    return CodeKey(settings.REKEY_CODE_KEY).code(codes.id, codes.sends, codes.rules.digits)


def owners_page(codes: CodesState, send: int) -> str:
    """Where the mail of this number leads: the devices of its mailbox, and "this was not me"."""
    token = PhoneKey(settings.REKEY_CODE_KEY).token(Kind.CAMPAIGN, codes, send)
    return f"{settings.REKEY_URL}{reverse('your-devices')}#{token}"


def campaign_code_letter(codes: CodesState, recorded: Recorded) -> EmailMultiAlternatives:
    """The letter for one send; the same send always has the same code and the same Message-ID."""
    issued = recorded.event
    assert isinstance(issued, CampaignCodeIssued) and codes.campaign
    campaign = state_of(CampaignState, codes.campaign)
    assert campaign.ends_at
    devices, count = _devices(codes)
    told = {
        "campaign": campaign,
        "sites": devices,
        "count": count,
        "unlisted": max(0, count - LISTED),
        "issued": issued,
        "page": owners_page(codes, issued.send),
        "page_until": campaign.ends_at + DISOWNED_UNTIL,
        **of_code(recorded, code_of(codes), issued.expires_at),
    }
    what = "1 device" if count == 1 else f"{count:,} devices"
    subject = f"Verification code for {what}"
    letter = written("campaign_code", told, subject, codes.mailbox, zone_of(campaign))
    Mark(codes.id, issued.send, of_campaign=True).put_on(letter)
    return letter


def _devices(codes: CodesState) -> tuple[list[tuple[str, list[str]]], int]:
    """The first of the devices that the code is for, by their sites; and how many they are."""
    assert codes.campaign
    rows = not_begun(codes.campaign, codes.mailbox)
    listed = list(rows.values_list("site", "device_name")[:LISTED])
    names = site_names(site for site, _ in listed)
    told = sorted((names[site], name) for site, name in listed if site)
    by_site = groupby(told, key=itemgetter(0))
    return [(site, [name for _, name in some]) for site, some in by_site], rows.count()
