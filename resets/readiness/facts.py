"""What the score of devices is made of, looked up for many at once.

A bounded number of queries, whatever the number of devices. Nothing of another site counts for a
device: what somebody is told of it is the same for everybody, and tells of nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from types import SimpleNamespace
from uuid import UUID

from django.conf import settings
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from devices.mailbox import masked
from devices.models import Credential, Device, Secret
from devices.state import Purpose
from devices.status import Status
from resets.campaigns.models import CampaignCodes
from resets.delivery.models import MailTest
from resets.delivery.projections import key_of
from resets.models import Reset
from resets.readiness.flaws import Verdict, findings
from resets.readiness.models import Drill
from resets.readiness.score import (
    Age,
    Drilled,
    Facts,
    Firmware,
    Mailbox,
    Score,
    Standing,
    Way,
    score,
)
from resets.readiness.state import DrillPhase
from resets.state import FAILED, Delivery

REMEMBERED = timedelta(days=400)  # what a mail or a drill has come to
_TELLING = (
    Delivery.HANDED_OVER,
    Delivery.DELIVERED,
    *FAILED,
)  # of the others, nothing is known yet
_ENDED = (DrillPhase.PASSED.value, DrillPhase.FAILED.value)
_COLUMNS = (
    "pk", "name", "organisation", "site", "reset_email", "manufacturer", "model", "firmware",
    "certified", "nvr_opens", "trouble", "managed",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Known:
    """A device, and what its score is made of."""

    id: UUID
    name: str
    site: UUID
    facts: Facts

    @property
    def score(self) -> Score:
        return score(self.facts)


Heard = tuple[datetime, Delivery]  # when a mail was asked for, and what is known of it


def known_of(rows: QuerySet[Device]) -> list[Known]:
    """What is known of each of these devices, none of which has left the fleet."""
    return list(_Lookup(rows.order_by()).known())


class _Lookup:
    """`heard`: of each mailbox at each site (None: of an organisation), the newest mail of which is
    known how it ended.
    """

    def __init__(self, rows: QuerySet[Device]) -> None:
        self.rows, self.ids, self.now = rows, rows.values("pk"), timezone.now()
        self.since = self.now - REMEMBERED
        self.heard: dict[tuple[UUID | None, UUID], Heard] = {}
        self.ended: dict[tuple[UUID, UUID], tuple[str, datetime]] = {}

    def known(self) -> Iterator[Known]:
        keyed, ages, resets = self._keyed(), self._ages(), self._resets()
        self._hear_of_tests()
        self._hear_of_drills()
        self._hear_of_campaigns()
        key = cache(key_of)
        for (
            pk, name, organisation, site, mailbox, manufacturer, model, firmware,
            certified, nvr_opens, trouble, managed,
        ) in self.rows.values_list(*_COLUMNS):  # fmt: skip
            state = Mailbox.MISSING
            if mailbox:
                heard = [_own(resets.get((pk, site)), mailbox)]
                if self.heard:
                    told = key(organisation, mailbox)
                    heard += [self.heard.get((at, told)) for at in (site, None)]
                state = _mailbox(heard)
            way = Way.NO_ACCOUNT if pk in keyed else Way.RESTORE_ONLY
            facts = Facts(
                state,
                Way.ACCOUNT if managed else way,
                _firmware(manufacturer, model, firmware),
                _standing(certified, nvr_opens, trouble),
                ages.get(pk, Age.FRESH),
                self._drilled(pk, site),
            )
            yield Known(pk, name, site, facts)

    # --- the way, and the password ----------------------------------------------------------------

    def _keyed(self) -> set[UUID]:
        """Devices that check codes by themselves, with a key in the vault: see
        `resets.supplies.methods`.
        """
        kept = (
            Credential.objects.for_jobs()
            .filter(device__in=self.ids, purpose=Purpose.RECOVERY.value)
            .filter(Q(current__isnull=False) | Q(candidate__isnull=False))
        )
        rows = self.rows.filter(pk__in=kept.values("device"))
        return {
            pk
            for pk, driver, services in rows.values_list("pk", "driver", "services")
            if driver == "recovery" or any(one["driver"] == "recovery" for one in services)
        }

    def _ages(self) -> dict[UUID, Age]:
        """Of devices whose password other devices have too, or that is in the vault for longer than
        it should be.
        """
        kept = Credential.objects.for_jobs().filter(
            device__in=self.ids, purpose=Purpose.DEVICE.value
        )
        limit = self.now - timedelta(days=settings.REKEY_PASSWORD_DAYS)
        rows = Secret.objects.filter(pk__in=kept.values("current"))
        found = rows.filter(Q(created_at__lt=limit) | Q(shared=True)).values_list(
            "device", "shared"
        )
        return {device: Age.SHARED if shared else Age.OLD for device, shared in found}

    # --- mails and drills -------------------------------------------------------------------------

    def _resets(self) -> dict[tuple[UUID, UUID], tuple[str, datetime, str]]:
        """Of each device, where the newest code went, and what became of the mail."""
        newest = (
            Reset.objects.for_jobs()
            .filter(device=OuterRef("pk"), site=OuterRef("site"), sends__gt=0)
            .order_by("-id")
            .values("pk")[:1]
        )
        ids = self.rows.annotate(newest=Subquery(newest)).values("newest")
        rows = Reset.objects.for_jobs().filter(pk__in=ids)
        columns = ("device", "site", "mailbox", "sent_at", "delivery")
        return {
            (device, site): (mailbox, at, delivery)
            for device, site, mailbox, at, delivery in rows.values_list(*columns)
        }

    def _hear_of_tests(self) -> None:
        rows = MailTest.objects.for_jobs().filter(
            site__in=self.rows.values("site"), asked_at__gt=self.since
        )
        for site, key, at, delivery in rows.values_list(
            "site", "recipient_key", "asked_at", "delivery"
        ):
            self._hear(site, key, at, delivery)

    def _hear_of_drills(self) -> None:
        rows = Drill.objects.for_jobs().filter(device__in=self.ids, sent_at__gt=self.since)
        columns = ("device", "site", "mailbox_key", "sent_at", "delivery", "phase", "ended_at")
        for device, site, key, at, delivery, phase, ended in rows.order_by("id").values_list(
            *columns
        ):
            self._hear(site, key, at, delivery)
            if phase in _ENDED:
                self.ended[device, site] = phase, ended

    def _hear_of_campaigns(self) -> None:
        rows = CampaignCodes.objects.for_jobs().filter(
            organisation__in=self.rows.values("organisation"), sent_at__gt=self.since
        )
        for organisation, site, mailbox, at, delivery in rows.values_list(
            "organisation", "site", "mailbox", "sent_at", "delivery"
        ):
            self._hear(site, key_of(organisation, mailbox), at, delivery)

    def _hear(self, site: UUID | None, key: UUID, at: datetime, delivery: str) -> None:
        known = self.heard.get((site, key))
        if Delivery(delivery) in _TELLING and (known is None or at > known[0]):
            self.heard[site, key] = at, Delivery(delivery)

    def _drilled(self, device: UUID, site: UUID) -> Drilled:
        phase, at = self.ended.get((device, site), ("", None))
        if phase == DrillPhase.FAILED:
            return Drilled.FAILED
        overdue = self.now - timedelta(days=settings.REKEY_DRILL_DAYS)
        return Drilled.PASSED if at and at > overdue else Drilled.OVERDUE


def _own(reset: tuple[str, datetime, str] | None, mailbox: str) -> Heard | None:
    """What the device's own newest code tells, if it went to the mailbox that it has now: of both,
    what is shown is compared.
    """
    if reset is None or Delivery(reset[2]) not in _TELLING or reset[0] != masked(mailbox):
        return None
    return reset[1], Delivery(reset[2])


def _mailbox(heard: list[Heard | None]) -> Mailbox:
    known = [one for one in heard if one]
    if not known:
        return Mailbox.UNTESTED
    _, delivery = max(known, key=lambda one: one[0])
    return Mailbox.BOUNCING if delivery in FAILED else Mailbox.REACHED


def _firmware(manufacturer: str, model: str, firmware: str) -> Firmware:
    found = findings(manufacturer, model, firmware)
    if not found:
        return Firmware.NO_FLAW_KNOWN
    return Firmware.FLAWED if found[0].verdict is Verdict.HAS else Firmware.UNCLEAR


@cache
def _standing(certified: bool | None, nvr_opens: bool | None, trouble: str) -> Standing:
    if certified and nvr_opens is False and not trouble:
        return Standing.NVR_SHUT_OUT
    row = SimpleNamespace(certified=certified, nvr_opens=nvr_opens, trouble=trouble, removed=False)
    return _STANDINGS[Status.of(row)]


_STANDINGS = {
    Status.CERTIFIED: Standing.CERTIFIED,
    Status.NOT_CERTIFIED: Standing.NOT_CERTIFIED,
    Status.NOT_CHECKED: Standing.NEVER_CERTIFIED,
    Status.TROUBLE: Standing.TROUBLE,
}
