"""The passwords that a campaign gives: each device one of its own.

Where a campaign asks for it and the rules of a site allow it, the devices of that site get one
together: never those of two sites, since whoever may see one password of a site knows nothing of
another. It is kept in the vault for the campaign, and once more for each device that gets it. The
rules are asked when a device begins: what they have forbidden by then is not done any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID, uuid5

from django.db.models import Min, QuerySet

from devices import vault
from devices.models import Device, Site
from devices.passwords import PasswordRules
from fleet.eventstore.handling import Order
from fleet.eventstore.store import load
from resets.campaigns.models import Campaign, CampaignItem
from resets.campaigns.state import CampaignState, Standing
from resets.campaigns.steps.one_password import ChooseOnePassword
from resets.supplies import sharing_sites


@dataclass(frozen=True)
class Given:
    """`secrets`: of each device. `orders`: what the campaign has to remember."""

    secrets: dict[UUID, UUID]
    orders: list[Order]


def give(campaign: CampaignState, devices: Sequence[Device]) -> Given:
    """Passwords for devices that begin: in the vault before anything hears of them.

    Raises vault.VaultError.
    """
    together, orders = _of_sites(campaign, {device.site for device in devices if device.site})
    own, shared = [], []
    for device in devices:
        rules = PasswordRules.of_device(device.max_password)
        one = together.get(device.site)
        if one and not rules.problem(one, device.username):
            shared.append((device.pk, one))
        else:
            own.append((device.pk, rules.generate()))
    return Given(_kept(own) | _kept(shared, shared=True), orders)


def _kept(pairs: list[tuple[UUID, str]], *, shared: bool = False) -> dict[UUID, UUID]:
    devices = [device for device, _ in pairs]
    return dict(zip(devices, vault.put_many(pairs, shared=shared), strict=True)) if pairs else {}


def _of_sites(
    campaign: CampaignState, sites: set[UUID]
) -> tuple[dict[UUID | None, str], list[Order]]:
    """The one password of each of these sites that has one, and what is chosen only now."""
    if not campaign.settings.one_password:
        return {}, []
    known = {one.secret: one.site for one in campaign.one_passwords}
    kept = vault.get_many({secret: shared_id(campaign.id, site) for secret, site in known.items()})
    found = {known[secret]: password for secret, password in kept.items()}
    together: dict[UUID | None, str] = {}
    orders = []
    for site in Site.objects.for_jobs().filter(pk__in=sharing_sites(sites)):
        if site.pk not in found:
            items = CampaignItem.objects.for_jobs().filter(campaign=campaign.id, site=site.pk)
            going = items.exclude(standing=Standing.LEFT_OUT.value)
            if going.count() == 1:  # with whom would it share one?
                continue
            found[site.pk] = _fitting(going)
            secret = vault.put(shared_id(campaign.id, site.pk), found[site.pk])
            orders.append(Order(ChooseOnePassword(site.pk, secret, site.name), campaign.id))
        together[site.pk] = found[site.pk]
    return together, orders


def _fitting(items: QuerySet[CampaignItem]) -> str:
    """One that each of these devices takes."""
    shortest = items.aggregate(most=Min("device__max_password"))["most"]
    return PasswordRules.of_device(shortest).generate()


def shared_id(campaign: UUID, site: UUID) -> UUID:
    """For whom the vault keeps the one password of a site: as if it were a device."""
    return uuid5(campaign, f"one password {site}")


def held(secrets: Mapping[UUID, UUID]) -> Iterable[UUID]:
    """What open campaigns hold in the vault."""
    open_ones = Campaign.objects.for_jobs().filter(open=True).values_list("pk", flat=True)
    for stream in load(dict.fromkeys(open_ones, CampaignState)).values():
        assert isinstance(stream.state, CampaignState)
        yield from (one.secret for one in stream.state.one_passwords)
