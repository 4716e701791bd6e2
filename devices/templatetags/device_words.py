"""How devices are told to people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from devices.page_parts import Mark
from devices.state import Kind
from devices.status import Status, trouble_advice, trouble_words
from fleet.web.templatetags.components import status
from fleet.web.templatetags.times import ago

register = template.Library()

_KINDS = {Kind.NVR: "NVR", Kind.CAMERA: "Camera"}
_ICONS = {Kind.NVR: "hard-drive", Kind.CAMERA: "cctv"}


@register.simple_tag
def device_status(device: Any) -> SafeString:
    """`{% device_status device %}`: its badge; a trouble is named."""
    known = Status.of(device)
    words = trouble_words(device.trouble) if known is Status.TROUBLE else known.words
    return status(known.tone, words)


@register.filter
def status_of(device: Any) -> str:
    """certified, not_certified, not_checked, trouble or removed."""
    return Status.of(device).value


@register.filter
def kind_words(kind: str) -> str:
    return _KINDS[Kind(kind)]


@register.filter
def kind_icon(kind: str) -> str:
    return _ICONS[Kind(kind)]


@register.filter
def advice(trouble: str) -> str:
    """What is wrong with a device, and what to do next."""
    return trouble_advice(trouble)


@register.simple_tag
def heard_of(heard: Mapping[UUID, Any], device: Any) -> SafeString:
    """`{% heard_of heard device %}`: when it was seen last, and that it is offline if it is."""
    row = heard.get(device.pk)
    if row is None or row.online is None:
        return SafeString("")
    when = (
        format_html('<span class="soft nowrap">{}</span>', ago(row.seen_at)) if row.seen_at else ""
    )
    offline = "" if row.online else status("bad", "Offline", "wifi-off")
    return format_html("<span>{} {}</span>", offline, when)


@register.simple_tag
def mark(column: Mapping[str, Any], device_id: UUID) -> Mark | None:
    """`{% mark column device.pk as mark %}`: what an extra column says of a device."""
    found: Mark | None = column["marks"].get(device_id)
    return found
