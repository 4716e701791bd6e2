"""One password for all devices of a site: where the rules forbid it, and the warning that stays."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from devices.models import Site
from fleet.eventstore.messages import Actor
from resets.campaigns import queries
from resets.campaigns.selection import selected
from resets.campaigns.state import CampaignPhase, CampaignState
from resets.campaigns.steps.one_password import some_of
from resets.supplies import sharing_sites


def forbidden_at(sites: Collection[UUID]) -> tuple[str, ...]:
    """The names of those of some sites whose rules do not allow it."""
    rows = Site.objects.for_jobs().filter(pk__in={*sites} - sharing_sites(sites))
    return tuple(rows.order_by("name").values_list("name", flat=True))


def sites_of(actor: Actor, wanted: CampaignState) -> set[UUID]:
    """Where a campaign that is planned now would have a device to do with."""
    rows = selected(actor, wanted).order_by().values_list("site", flat=True).distinct()
    return {site for site in rows if site}


@dataclass(frozen=True)
class SharedNote:
    """`forbidden`: sites whose rules have taken it back. `over`: nothing more is given."""

    forbidden: tuple[str, ...] = ()
    over: bool = False

    @property
    def where(self) -> str:
        """The sites that forbid it, for people; "" for none."""
        return some_of(self.forbidden) if self.forbidden else ""


def of_campaign(actor: Actor, campaign: CampaignState, given: bool) -> SharedNote | None:
    """None for one that asked for none, or that ended before one was `given`."""
    if not campaign.settings.one_password:
        return None
    if campaign.phase is CampaignPhase.ENDED:
        return SharedNote(over=True) if given else None
    rows = queries.items(actor, campaign.id).filter(open=True).order_by()
    sites = rows.values_list("site", flat=True).distinct()
    return SharedNote(forbidden_at({site for site in sites if site}))
