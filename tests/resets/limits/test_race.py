"""However many ask at once, as many pass as the limit allows: never one more, never one less.

REKEY_FAULT_RACES says how many rounds (200 for the figures).
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import UUID

import pytest
from django.db import connections, transaction
from django.utils import timezone

from fleet.errors import Refused
from fleet.eventstore import projections, subscriptions
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.projections import Difference
from resets.limits import history, ledger
from resets.limits.counting import About, key_of
from resets.limits.models import LimitUse
from resets.limits.rules import Counted, Limit, Scope, Use
from resets.models import Reset
from resets.rules import rules_id
from resets.steps.cancel_reset import CancelReset
from resets.steps.request_reset import RequestReset
from resets.steps.site_rules import SetLimits
from tests.cast import Cast, cast
from tests.fleet.eventstore.ground import at_once, device

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = int(os.environ.get("REKEY_FAULT_RACES", "5"))
CLIENTS, MOST = 32, 5


def together(clients: int, act) -> list[bool]:
    """All of them at once, each with a connection of its own."""
    gate = threading.Barrier(clients)

    def one(number: int) -> bool:
        try:
            gate.wait()
            return act(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(one, range(clients)))


def test_of_32_clients_at_once_a_limit_of_5_lets_5_pass() -> None:
    """Over all scopes at once, of which another one is the narrow one each time."""
    for number in range(ROUNDS):
        about = About(
            new_id(), new_id(), new_id(), "owner@example.com", str(new_id()), "::1", new_id()
        )
        keys = about.keys(Counted.CODES)
        narrow = list(keys)[number % len(keys)]
        uses = [
            Use(Limit(Counted.CODES, scope, MOST if scope is narrow else 1000, 3600), key)
            for scope, key in keys.items()
            if scope is not Scope.EVERYTHING or narrow is Scope.EVERYTHING
        ]
        if narrow is Scope.EVERYTHING:
            uses = [Use(use.limit, new_id() if use.limit.most == MOST else use.key) for use in uses]

        def client(_: int, uses: list[Use] = uses) -> bool:
            with transaction.atomic():
                return ledger.take(uses, timezone.now()).refused is None

        assert sum(together(CLIENTS, client)) == MOST, f"round {number}, {narrow}"


def test_of_many_resets_begun_at_once_no_more_begin_than_the_site_allows() -> None:
    who = cast()
    limits = (
        Limit(Counted.RESETS, Scope.SITE, MOST, 3600),
        Limit(Counted.GUESSES, Scope.MAILBOX, 50, 86_400),
    )
    handle(SetLimits(who.site, limits), rules_id(who.site), who.by(who.alice))
    devices = [device(who) for _ in range(12)]

    def client(number: int) -> bool:
        try:
            handle(RequestReset(devices[number], "Lost"), new_id(), who.by(who.tess))
        except Refused as no:
            return no.code != "limit_reached"
        return True

    assert sum(together(len(devices), client)) == MOST
    assert Reset.everything.count() == MOST


def test_the_ledger_is_checked_and_made_again_while_people_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subscriptions, "REACTIONS", {})  # nobody is woken
    who, done = cast(), threading.Event()
    targets = [device(who) for _ in range(3)]

    def begin_and_cancel(target: UUID) -> None:
        for _ in range(6):
            reset = new_id()
            handle(RequestReset(target, "Lost"), reset, who.by(who.tess))
            handle(CancelReset(), reset, who.by(who.tess))

    def all_of_them() -> None:
        try:
            answers = at_once(*[partial(begin_and_cancel, one) for one in targets])
            assert answers == [None] * len(targets)
        finally:
            done.set()

    def check() -> list[Difference]:
        found: list[Difference] = []
        while not done.is_set():
            found += history.differences()
        return found

    def rebuild() -> None:
        while not done.is_set():
            projections.rebuild()

    assert at_once(all_of_them, check, rebuild, timeout=60) == [None, [], None]
    assert list(projections.differences()) == []
    assert LimitUse.objects.filter(key=_resets_of(who)).count() == 18


def _resets_of(who: Cast) -> UUID:
    return key_of(Counted.RESETS, Scope.SITE, who.organisation, str(who.site))
