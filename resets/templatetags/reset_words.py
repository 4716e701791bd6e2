"""Badges of a reset."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from fleet.web.templatetags.components import status
from resets import words
from resets.recorder.state import AtRecorder
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


@register.simple_tag
def at_recorder(name: str) -> SafeString:
    """`{% at_recorder row.recorder %}`: where its camera stands with its NVR."""
    return status(*words.AT_RECORDER[AtRecorder(name)])
