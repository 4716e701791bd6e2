"""Badges of a reset."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from fleet.web.templatetags.components import status
from resets import words
from resets.state import Delivery, Phase

register = template.Library()


@register.simple_tag
def phase(name: str) -> SafeString:
    """`{% phase row.phase %}`: where a reset stands."""
    return status(*words.PHASES[Phase(name)])


@register.simple_tag
def delivery(name: str) -> SafeString:
    """`{% delivery row.delivery %}`: what is known of its newest mail."""
    return status(*words.DELIVERIES[Delivery(name)])
