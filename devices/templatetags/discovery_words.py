"""How discovered devices are told to people."""

from __future__ import annotations

from django import template
from django.utils.safestring import SafeString

from devices.discovery.discoveries import Standing
from devices.discovery.page import FoundPage
from fleet.web.templatetags.components import status

register = template.Library()

_ICONS = {
    Standing.NEW: "sparkles",
    Standing.MOVED: "replace",
    Standing.ADDED: "circle-check",
    Standing.IGNORED: "eye-off",
    Standing.GONE: "unplug",
}


@register.simple_tag
def standing(found: FoundPage) -> SafeString:
    """`{% standing found %}`: the badge of how it stands to the fleet."""
    stands = found.standing
    return status(stands.tone, stands.words, _ICONS.get(stands, ""))
