"""The passwords that a campaign gives: each device one of its own.

Where a campaign asks for it and the rules of a site allow it, the devices of that site get one
together: never those of two sites, since whoever may see one password of a site knows nothing of
another. It is kept in the vault for the campaign, and once more for each device that gets it. The
rules are asked when a device begins: what they have forbidden by then is not done any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from django.db.models import Min

from devices import vault
from devices.models import Device
from devices.passwords import PasswordRules
from fleet.eventstore.handling import Order
from fleet.eventstore.store import load
from resets.campaigns.models import Campaign, CampaignItem
from resets.campaigns.state import CampaignState
from resets.campaigns.steps.one_password import ChooseOnePassword
from resets.supplies import sharing_sites


@dataclass
class Passwords:
    """Of some devices that begin: in the vault before anything hears of them. `secrets`: of each
    device. `chosen`: what the campaign has to remember.

    Raises vault.VaultError.
    """

    campaign: CampaignState
    devices: Sequence[Device]
    chosen: list[Order] = field(default_factory=list)
    secrets: dict[UUID, UUID] = field(default_factory=dict)

    def __post_init__(self) -> None:
        together, own, shared = self._of_sites(), [], []
        for device in self.devices:
            rules = PasswordRules.of_device(device.max_password)
            one = together.get(device.site)
            if one and not rules.problem(one, device.username):
                shared.append((device.pk, one))
            else:
                own.append((device.pk, rules.generate()))
        self._keep(own)
        self._keep(shared, shared=True)

    def _keep(self, pairs: list[tuple[UUID, str]], *, shared: bool = False) -> None:
        if pairs:
            kept = vault.put_many(pairs, shared=shared)
            self.secrets |= {
                device: secret for (device, _), secret in zip(pairs, kept, strict=True)
            }

    def _of_sites(self) -> dict[UUID | None, str]:
        """The one password of each site that has one."""
        if not self.campaign.settings.one_password:
            return {}
        sites = sharing_sites({device.site for device in self.devices if device.site})
        known = {secret: shared_id(self.campaign.id, site) for site, secret in self._remembered}
        kept = vault.get_many(known)
        found = {site: kept[secret] for site, secret in self._remembered if secret in kept}
        return {site: found.get(site) or self._choose(site) for site in sites}

    @property
    def _remembered(self) -> list[tuple[UUID, UUID]]:
        return [(one.site, one.secret) for one in self.campaign.one_passwords]

    def _choose(self, site: UUID) -> str:
        """One that each device of the site takes that is in the campaign."""
        items = CampaignItem.objects.for_jobs().filter(campaign=self.campaign.id, site=site)
        shortest = items.aggregate(most=Min("device__max_password"))["most"]
        password = PasswordRules.of_device(shortest).generate()
        secret = vault.put(shared_id(self.campaign.id, site), password)
        self.chosen.append(Order(ChooseOnePassword(site, secret), self.campaign.id))
        return password


def shared_id(campaign: UUID, site: UUID) -> UUID:
    """For whom the vault keeps the one password of a site: as if it were a device."""
    return uuid5(campaign, f"one password {site}")


def held(secrets: Mapping[UUID, UUID]) -> Iterable[UUID]:
    """What open campaigns hold in the vault."""
    open_ones = Campaign.objects.for_jobs().filter(open=True).values_list("pk", flat=True)
    for stream in load(dict.fromkeys(open_ones, CampaignState)).values():
        assert isinstance(stream.state, CampaignState)
        yield from (one.secret for one in stream.state.one_passwords)
