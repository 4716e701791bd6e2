"""What pages and calls ask about the rules of a site. Everything asks as somebody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from devices import queries as devices
from devices.models import Credential, Device, Secret
from devices.state import Purpose
from fleet.accounts.access import may
from fleet.accounts.queries import administrators
from fleet.accounts.state import Role
from fleet.eventstore.messages import Actor
from resets.rules import RulesState
from resets.supplies import rules_of

ENOUGH = 2  # administrators: one asks, the other agrees


@dataclass(frozen=True)
class SiteRules:
    """The rules of one site, for whoever looks. `alone`: nobody could agree to what the only
    administrator asks for.
    """

    site: Any
    rules: RulesState
    may_set: bool
    alone: bool

    @property
    def sharing(self) -> int:
        """How many of its devices have a password that was given to others too."""
        there = Device.objects.for_jobs().filter(site=self.site.pk, removed=False)
        kept = Credential.objects.for_jobs().filter(
            device__in=there.values("pk"), purpose=Purpose.DEVICE.value
        )
        return Secret.objects.filter(pk__in=kept.values("current"), shared=True).count()


def site_rules(actor: Actor, site_id: UUID) -> SiteRules:
    """Raises NotFound."""
    site = devices.place(actor, site_id)
    assert site.organisation
    return SiteRules(
        site,
        rules_of(site.pk),
        may(actor, Role.ADMINISTRATOR, site.organisation, site.pk),
        len(administrators(site.organisation, site.pk)) < ENOUGH,
    )
