"""Which devices a campaign is for, as somebody may see them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import Case, Exists, OuterRef, QuerySet, Subquery, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from devices import queries as devices
from devices.models import Credential, Device, Secret
from devices.state import Purpose
from fleet.eventstore.messages import Actor
from resets.campaigns.state import CampaignState, Selection


def selected(actor: Actor, campaign: CampaignState) -> QuerySet[Device]:
    """The devices of a campaign's place that its selection is for: site by site and by name, an NVR
    followed by its cameras in the order of their channels.
    """
    rows = devices.devices(actor).filter(organisation=campaign.organisation)
    if campaign.site:
        rows = rows.filter(site=campaign.site)
    of_nvr = (Coalesce("nvr__name", "name"), Coalesce("nvr_id", "id"))
    first = Case(When(nvr=None, then=0), default=1)
    return narrowed(rows, campaign.selection).order_by(
        "site", *of_nvr, first, "channel", "name", "id"
    )


def narrowed(rows: QuerySet[Device], wanted: Selection) -> QuerySet[Device]:
    rows = devices.narrowed(
        rows, text=wanted.text, kind=wanted.kind, status=wanted.status, nvr=wanted.nvr
    )
    if wanted.model:
        rows = rows.filter(model=wanted.model)
    if wanted.older_than is not None:
        limit = timezone.now() - timedelta(days=wanted.older_than)
        rows = rows.filter(~Exists(_current().filter(created_at__gte=limit)))
    return rows.filter(pk__in=wanted.devices) if wanted.devices else rows


def password_since() -> Subquery:
    """Since when the vault has a device's password: an expression for rows of devices."""
    return Subquery(_current().values("created_at")[:1])


def _current() -> Any:
    """The vault's row of a device's current password, for a subquery of devices."""
    current = Credential.objects.for_jobs().filter(
        device=OuterRef(OuterRef("pk")), purpose=Purpose.DEVICE.value
    )
    return Secret.objects.filter(pk__in=current.values("current"))
