"""Handing over, as one domain call: recorded for each device first, then made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

from django.utils import timezone

from devices import vault
from devices.models import Device
from devices.state import credential_id
from devices.steps.hand_over_password import HandOverPassword
from fleet.accounts.access import human
from fleet.eventstore.handling import Order, handle_all
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import By
from resets.handover.files import Entry, HandoverForm, plain
from resets.handover.locks import Lock
from resets.handover.queries import checked, chosen, of_campaign
from resets.handover.state import handover_id
from resets.handover.steps import HandOver


@dataclass(frozen=True)
class Handed:
    """The encrypted file, as text, and how many passwords are in it."""

    name: str
    devices: int
    content: str = field(repr=False)


@dataclass(frozen=True)
class Wish:
    """Why passwords leave, what the file opens to, and what is written inside."""

    reason: str
    lock: Lock
    form: HandoverForm = HandoverForm.CSV


def hand_over_devices(ids: Sequence[UUID], wish: Wish, by: By) -> Handed:
    """The current passwords of these devices. Raises RekeyError; then nothing is recorded."""
    return _hand_over(checked(by.actor, chosen(by.actor, ids)), None, wish, by)


def hand_over_campaign(campaign: UUID, wish: Wish, by: By) -> Handed:
    """The current passwords of the devices that a campaign has proven, at the sites that whoever
    asks administers. Raises RekeyError; then nothing is recorded.
    """
    return _hand_over(checked(by.actor, of_campaign(by.actor, campaign)), campaign, wish, by)


def _hand_over(devices: Sequence[Device], campaign: UUID | None, wish: Wish, by: By) -> Handed:
    """All of it stands in the histories before the first password is read."""
    person, opens = human(by.actor).id or by.actor.id, wish.lock.opens
    sites = sorted(Counter(device.site for device in devices if device.site).items())
    orders = [
        *(
            Order(HandOver(site, campaign, count, opens, wish.reason), handover_id(site, person))
            for site, count in sites
        ),
        *(
            Order(HandOverPassword(opens, wish.reason), credential_id(device.pk, device.username))
            for device in devices
        ),
    ]
    outcomes = handle_all(orders, replace(by, correlation=new_id()))[len(sites) :]
    secrets = [outcome.state.current for outcome in outcomes]
    passwords = vault.get_many(dict(zip(secrets, (one.pk for one in devices), strict=True)))
    entries = [
        _entry(device, passwords.get(secret) or vault.get(secret, device.pk))
        for device, secret in zip(devices, secrets, strict=True)
    ]
    name = f"rekey-passwords-{timezone.now():%Y-%m-%d}.{wish.form}.age"
    return Handed(name, len(entries), wish.lock.sealed(plain(entries, wish.form)))


def _entry(device: Device, password: str) -> Entry:
    return Entry(
        site=device.place.name if device.place else "",
        name=device.name,
        address=f"{'https' if device.tls else 'http'}://{device.host}:{device.port}",
        model=device.model,
        serial=device.serial,
        username=device.username,
        password=password,
        device=str(device.pk),
    )
