"""Which devices' passwords somebody may take along. Everything asks as somebody."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db.models import QuerySet

from devices.models import Credential, Device
from devices.state import Purpose
from fleet.accounts.access import may, require
from fleet.accounts.state import Role
from fleet.errors import NotFound, Refused
from fleet.eventstore.messages import Actor
from resets.campaigns import queries as campaigns
from resets.campaigns.state import Standing

MOST = 10_000
RIGHT = Role.ADMINISTRATOR


def of_campaign(actor: Actor, campaign_id: UUID) -> list[Device]:
    """The devices that a campaign has proven, at the sites that the actor administers.

    Raises NotFound, and Forbidden to whoever administers none of its sites.
    """
    items = campaigns.items(actor, campaign_id).order_by()
    places = list(items.values_list("organisation", "site").distinct())
    if not places:
        row = campaigns.campaign(actor, campaign_id)
        places = [(row.organisation, row.site)]
    if not any(may(actor, RIGHT, *place) for place in places):
        require(actor, RIGHT, *places[0], "campaign")
    # Not as a subquery: see `resets.campaigns.report.facts`.
    proven = list(items.filter(standing=Standing.PROVEN.value).values_list("device", flat=True))
    rows = _in_order(actor).filter(pk__in=proven, removed=False)
    return [row for row in rows if may(actor, RIGHT, row.organisation, row.site)]


def chosen(actor: Actor, ids: Sequence[UUID]) -> list[Device]:
    """These devices. Raises NotFound and Forbidden, also for a single one of them."""
    wanted = set(ids)
    if len(wanted) > MOST:
        raise _too_many()
    rows = list(_in_order(actor).filter(pk__in=wanted))
    if len(rows) != len(wanted):
        raise NotFound("device")
    for organisation, site in {(row.organisation, row.site) for row in rows}:
        require(actor, RIGHT, organisation, site, "device")
    return rows


def checked(actor: Actor, devices: Sequence[Device]) -> Sequence[Device]:
    """These devices, if a file can be made of them. Raises Refused."""
    if not devices:
        raise Refused("nothing_chosen", "There is no device whose password could be taken along.")
    if len(devices) > MOST:
        raise _too_many()
    known = Credential.objects.visible_to(actor).filter(
        device__in=[device.pk for device in devices],
        purpose=Purpose.DEVICE.value,
        current__isnull=False,
    )
    accounts = set(known.values_list("device", "username"))
    unknown = [one for one in devices if (one.pk, one.username) not in accounts]
    if unknown:
        raise Refused(
            "no_password_known",
            f"Rekey knows no password of {unknown[0].name}"
            f"{f' and {len(unknown) - 1:,} others' if unknown[1:] else ''}. Leave them out.",
            devices=[str(one.pk) for one in unknown[:100]],
        )
    return devices


def _in_order(actor: Actor) -> QuerySet[Device]:
    rows: QuerySet[Device] = Device.objects.visible_to(actor).select_related("place")
    return rows.order_by("place__name", "name", "id")


def _too_many() -> Refused:
    return Refused("too_many_devices", f"{MOST:,} devices at most in one file, please.")
