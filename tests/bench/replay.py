"""The whole log, folded into states."""

from __future__ import annotations

import os

import psycopg

from fleet.eventstore import store
from resets.state import ResetState
from tests.bench import peers, world
from tests.bench.measure import Contestant, report, take_turns

STREAMS = 3000


def run(rounds: int) -> None:
    world.resets(STREAMS)
    application, kind = peers.library()
    theirs = peers.library_resets(application, kind, STREAMS // 10)
    with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
        of_resets = "FROM event WHERE category = 'reset'"
        sql = f"SELECT stream, version, type, schema, data, at {of_resets}"
        (events,) = connection.execute(f"SELECT count(*) {of_resets}").fetchone() or (0,)

        def folded(_: int) -> None:
            for _state in store.folded("reset", ResetState):
                pass

        def cursor(_: int) -> None:
            with connection.cursor("bare") as bare:
                bare.itersize = 2000
                for _row in bare.execute(sql + " ORDER BY stream, version"):
                    pass

        def by_library(_: int) -> None:
            for reset in theirs:
                application.repository.get(reset)

        results = take_turns(
            [
                Contestant("folded into states", folded, events),
                Contestant("server-side cursor, not decoded", cursor, events),
                Contestant("eventsourcing, by repository", by_library, len(theirs) * 2),
            ],
            rounds,
        )
    application.close()
    report(
        f"Replay of {events:,} events",
        "folded into states",
        results,
        {"server-side cursor, not decoded": 0.4, "eventsourcing, by repository": 2},
    )
