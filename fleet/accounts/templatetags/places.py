"""Sites by their ids."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django import template

from fleet.accounts.places import Place

register = template.Library()


@register.simple_tag
def place(sites: Mapping[UUID, Place], site: UUID) -> Place | None:
    """`{% place sites role.site as at %}`"""
    return sites.get(site)
