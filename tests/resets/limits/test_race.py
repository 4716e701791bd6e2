"""However many ask at once, as many pass as the limit allows: never one more, never one less.

REKEY_FAULT_RACES says how many rounds (200 for the figures).
"""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections, transaction
from django.utils import timezone

from fleet.errors import Refused
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from resets.limits import ledger
from resets.limits.counting import About
from resets.limits.rules import Counted, Limit, Scope, Use
from resets.models import Reset
from resets.rules import rules_id
from resets.steps.request_reset import RequestReset
from resets.steps.site_rules import SetLimits
from tests.cast import cast
from tests.fleet.eventstore.ground import device

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
