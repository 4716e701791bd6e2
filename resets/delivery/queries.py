"""Mails in numbers, by day and mail domain, and test mails. Everything asks as somebody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, tzinfo
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID, uuid5

from django.db.models import Count, Max, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from devices.queries import one
from fleet.accounts.access import holding
from fleet.accounts.state import Role
from fleet.eventstore.messages import Actor
from resets.delivery.models import CodeMail, MailTest
from resets.state import FAILED, Delivery

MOST_DAYS = 366
_WAY = (Delivery.QUEUED, Delivery.DEFERRED, Delivery.HELD_UP)  # not known yet how it ends
_FAILED = {Delivery.REFUSED: "refused", Delivery.BOUNCED: "came back", Delivery.SPAM: "spam"}
_KEYS = UUID("6f6c7a4e-3f3d-5b1e-9a53-0d7d3c1c9b10")  # of the groups' names, for cursors


def administered(actor: Actor) -> Actor:
    """The same, where they are an administrator: the numbers are for those alone."""
    return holding(actor, Role.ADMINISTRATOR)


@dataclass(frozen=True)
class Wanted:
    """Which mails are counted: asked for from `since` and before `until`. `zone`: whose days."""

    since: datetime
    until: datetime
    zone: tzinfo
    site: UUID | None = None
    domain: str = ""

    @classmethod
    def last(cls, days: int, zone: tzinfo, until: date | None = None, **more: Any) -> Wanted:
        """So many whole days, the last of them today or on another day."""
        last = until or timezone.now().astimezone(zone).date()
        since, end = (datetime.combine(_days(last, n), time.min, zone) for n in (1 - days, 1))
        return cls(since, end, zone, **more)


def _days(day: date, more: int) -> date:
    """So many days later; at the ends of the calendar, those."""
    ordinal = min(max(day.toordinal() + more, 2), date.max.toordinal() - 1)
    return date.fromordinal(ordinal)


@dataclass(frozen=True)
class Numbers:
    """How many mails came to what."""

    counts: Mapping[Delivery, int]

    def of(self, *deliveries: Delivery) -> int:
        return sum(self.counts.get(delivery, 0) for delivery in deliveries)

    @property
    def mails(self) -> int:
        return sum(self.counts.values())

    @property
    def on_the_way(self) -> int:
        return self.of(*_WAY)

    @property
    def handed_over(self) -> int:
        """To the mail server, and nothing was heard since: all there is to know without a service
        that tells more.
        """
        return self.of(Delivery.HANDED_OVER)

    @property
    def delivered(self) -> int:
        return self.of(Delivery.DELIVERED)

    @property
    def failed(self) -> int:
        return self.of(*FAILED)

    @property
    def failures(self) -> str:
        """How they failed: `refused`, or `2 refused, 1 came back`."""
        found = [(self.counts[d], _FAILED[d]) for d in FAILED if self.counts.get(d)]
        return ", ".join(f"{n:,} {how}" if len(found) > 1 else how for n, how in found)

    @property
    def shown(self) -> list[tuple[str, int]]:
        """Those that have not failed, as columns."""
        return [
            ("On their way", self.on_the_way),
            ("Handed over", self.handed_over),
            ("Delivered", self.delivered),
        ]

    @property
    def failure_rate(self) -> float:
        """Of those that are not on their way any more: 0 to 1."""
        ended = self.mails - self.on_the_way
        return self.failed / ended if ended else 0.0

    @property
    def percent(self) -> str:
        """The same for people."""
        return f"{self.failure_rate:.0%}" if self.failure_rate >= 0.01 else "< 1%"


@dataclass(frozen=True)
class Group(Numbers):
    """The mails to one domain on one day. `last`: when the newest of each kind was asked for."""

    day: date
    domain: str
    last: Mapping[Delivery, datetime] = field(repr=False)

    @property
    def id(self) -> UUID:
        return uuid5(_KEYS, f"{self.day} {self.domain}")


def groups(actor: Actor, wanted: Wanted) -> list[Group]:
    """By day, the newest first, and by domain. One query, over the mails of the period alone."""
    found: dict[tuple[date, str], dict[Delivery, tuple[int, datetime]]] = defaultdict(dict)
    rows = (
        _mails(actor, wanted)
        .annotate(day=TruncDate("at", tzinfo=wanted.zone))
        .values_list("day", "domain", "delivery")
        .annotate(count=Count("*"), last=Max("at"))
        .order_by()
    )
    for day, domain, delivery, count, last in rows:
        found[day, domain][Delivery(delivery)] = count, last
    return [
        Group(
            {delivery: count for delivery, (count, _) in some.items()},
            day,
            domain,
            {delivery: last for delivery, (_, last) in some.items()},
        )
        for (day, domain), some in sorted(
            found.items(), key=lambda item: (-item[0][0].toordinal(), item[0][1])
        )
    ]


def in_all(some: Iterable[Group]) -> Numbers:
    counts: dict[Delivery, int] = defaultdict(int)
    for group in some:
        for delivery, count in group.counts.items():
            counts[delivery] += count
    return Numbers(counts)


def answers(actor: Actor, wanted: Wanted, some: Iterable[Group]) -> dict[UUID, str]:
    """What was said last of each of these groups' mails; one query for a page of them."""
    newest = {
        (group.domain, max(last)): group.id
        for group in some
        if (last := [at for d, at in group.last.items() if d is not Delivery.QUEUED])
    }
    if not newest:
        return {}
    which = reduce(or_, (Q(domain=domain, at=at) for domain, at in newest))
    rows = _mails(actor, wanted).filter(which).exclude(answer="")
    return {
        newest[domain, at]: answer
        for domain, at, answer in rows.values_list("domain", "at", "answer")
    }


def _mails(actor: Actor, wanted: Wanted) -> QuerySet[CodeMail]:
    rows: QuerySet[CodeMail] = CodeMail.objects.visible_to(administered(actor)).filter(
        at__gte=wanted.since, at__lt=wanted.until
    )
    if wanted.site is not None:
        rows = rows.filter(site=wanted.site)
    if wanted.domain:
        rows = rows.filter(domain__icontains=wanted.domain)
    return rows


# --- test mails -----------------------------------------------------------------------------------


def mail_tests(actor: Actor) -> QuerySet[MailTest]:
    """Those that may be seen, the newest first."""
    rows: QuerySet[MailTest] = MailTest.objects.visible_to(actor)
    return rows.order_by("-id")


def mail_test(actor: Actor, test: UUID) -> MailTest:
    return one(mail_tests(actor), test, "test mail")
