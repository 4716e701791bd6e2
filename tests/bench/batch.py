"""A thousand events in one transaction."""

from __future__ import annotations

from typing import Any

from django.db import models, transaction

from fleet.eventstore.handling import Order, handle_all
from fleet.eventstore.models import EventRow
from resets.steps.verify_code import VerifyCode
from tests.bench import peers, world
from tests.bench.measure import Contestant, report, take_turns

EVENTS = 1000


def run(rounds: int) -> None:
    by = world.alice()
    ours = iter([world.resets(EVENTS) for _ in range(rounds + 1)])
    application, kind = peers.library()
    theirs = iter([peers.library_resets(application, kind, EVENTS) for _ in range(rounds + 1)])
    bare = peers.Bare()
    versions = iter(range(1_000_000, 1_000_000 + rounds + 1))
    pattern: dict[str, Any] = EventRow.everything.order_by("position").values().first()

    def handled(_: int) -> None:
        handle_all([Order(VerifyCode("00000000"), reset) for reset in next(ours)], by)

    def bulk_create(_: int) -> None:
        version = next(versions)
        with transaction.atomic():
            models.QuerySet(EventRow).bulk_create(
                EventRow(
                    **pattern
                    | {"position": None, "id": row[0], "stream": row[1], "version": version}
                )
                for row in (peers.bare_row() for _ in range(EVENTS))
            )

    def by_library(_: int) -> None:
        aggregates = [application.repository.get(reset) for reset in next(theirs)]
        for aggregate in aggregates:
            aggregate.reject(4)
        application.save(*aggregates)

    results = take_turns(
        [
            Contestant("handle_all: load, decide, project", handled, EVENTS),
            Contestant("COPY", bare.copy, EVENTS),
            Contestant("bulk_create of events alone", bulk_create, EVENTS),
            Contestant("eventsourcing, load and save", by_library, EVENTS),
        ],
        rounds,
    )
    application.close()
    report(
        "A thousand events in one transaction",
        "handle_all: load, decide, project",
        results,
        {"COPY": 0.35, "eventsourcing, load and save": 1},
    )
