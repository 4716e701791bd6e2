"""What the commands of drills are told of the world: looked up in their transaction."""

from __future__ import annotations

from django.conf import settings

from devices import queries as devices
from devices.models import Device
from fleet.accounts.access import require
from fleet.accounts.state import Role
from fleet.eventstore.handling import moment, supplies
from fleet.eventstore.messages import By
from resets.delivery.projections import key_of
from resets.models import Reset
from resets.readiness.models import Drill
from resets.readiness.state import DrillState
from resets.readiness.steps import (
    WINDOW,
    BeginDrill,
    DrillFacts,
    DrillKey,
    EarlierDrills,
    SendDrillCode,
)
from resets.state import RecoveryMethod
from resets.supplies import methods, rules_of


@supplies(DrillFacts)
def drill_facts(command: BeginDrill, state: DrillState, by: By) -> DrillFacts:
    """The device as whoever asks may see it. Raises NotFound, Forbidden."""
    row = devices.device(by.actor, command.device)
    assert row.organisation and row.site
    # Before anything is said of the device.
    require(by.actor, Role(command.by), row.organisation, row.site, "device")
    return DrillFacts(
        row.pk,
        row.organisation,
        row.site,
        row.name,
        row.reset_email,
        way_of(row),
        rules_of(row.site).codes,
        row.removed,
        Reset.objects.for_jobs().filter(device=row.pk, open=True).exists(),
    )


def way_of(device: Device) -> RecoveryMethod | None:
    """The best way onto a device that needs nobody there; None: there is none."""
    ways = (way for way in methods(device) if way is not RecoveryMethod.FACTORY_RESTORE)
    return next(ways, None)


@supplies(EarlierDrills)
def earlier_drills(command: BeginDrill | SendDrillCode, state: DrillState, by: By) -> EarlierDrills:
    if isinstance(command, BeginDrill):
        facts = command.facts
        organisation, site, mailbox = facts.organisation, facts.site, facts.reset_email
    else:
        assert state.organisation and state.site
        organisation, site, mailbox = state.organisation, state.site, state.reset_email
    devices.hold_place(site)  # or those who begin at once would not count one another
    drills = Drill.objects.for_jobs()
    last = None
    if isinstance(command, BeginDrill):
        newest = drills.filter(device=command.device).order_by("-id")
        last = newest.values_list("begun_at", flat=True).first()
    to_one = drills.filter(
        mailbox_key=key_of(organisation, mailbox), sent_at__gt=moment() - WINDOW
    ).order_by("sent_at")
    codes = [at for at, sends in to_one.values_list("sent_at", "sends") for _ in range(sends)]
    return EarlierDrills(last, tuple(codes))


@supplies(DrillKey)
def drill_key(command: object, state: DrillState, by: By) -> DrillKey:
    return DrillKey(settings.REKEY_CODE_KEY)
