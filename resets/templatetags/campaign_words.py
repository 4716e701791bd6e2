"""Badges of a campaign and of its devices."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from fleet.web.templatetags.components import status
from resets.campaigns import words
from resets.campaigns.state import CampaignPhase, Kind, Standing

register = template.Library()


@register.simple_tag
def campaign_kind(name: str) -> SafeString:
    """`{% campaign_kind row.kind %}`: whether the passwords are lost, or still known."""
    return status(*words.KINDS[Kind(name)])


@register.simple_tag
def campaign_phase(name: str) -> SafeString:
    """`{% campaign_phase row.phase %}`: where a campaign stands."""
    return status(*words.PHASES[CampaignPhase(name)])


@register.simple_tag
def standing(name: str) -> SafeString:
    """`{% standing row.standing %}`: where one device of it stands."""
    return status(*words.STANDINGS[Standing(name)])


@register.filter
def why_words(code: str, standing: str) -> str:
    """`{{ row.why|why_words:row.standing }}`: why it stands there; "" if nothing is to be said."""
    return words.why(standing, code)
