"""One step through `handle`: load, decide, project, chain, append, commit. One connection."""

from __future__ import annotations

import contextlib
from uuid import UUID

from fleet.errors import Refused
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import By
from resets.steps.verify_code import VerifyCode
from tests.bench import peers, world
from tests.bench.measure import Contestant, report, take_turns

STEPS = 300


def wrong_code(reset: UUID, by: By) -> None:
    with contextlib.suppress(Refused):
        handle(VerifyCode("00000000"), reset, by)


def run(rounds: int) -> None:
    by = world.alice()
    ours, plain = (iter(world.resets(STEPS * (rounds + 1))) for _ in range(2))
    application, kind = peers.library()
    theirs = iter(peers.library_resets(application, kind, STEPS * (rounds + 1)))
    bare = peers.Bare()

    def handled(times: int) -> None:
        for _ in range(times):
            wrong_code(next(ours), by)

    def by_orm(times: int) -> None:
        for _ in range(times):
            peers.orm_step(next(plain))

    def by_library(times: int) -> None:
        for _ in range(times):
            peers.library_step(application, next(theirs))

    results = take_turns(
        [
            Contestant("handle", handled, STEPS),
            Contestant("bare BEGIN, INSERT, COMMIT", bare.run, STEPS),
            Contestant("eventsourcing, load and save", by_library, STEPS),
            Contestant("plain ORM calls", by_orm, STEPS),
        ],
        rounds,
    )
    application.close()
    report(
        "One step, one connection",
        "handle",
        results,
        {"bare BEGIN, INSERT, COMMIT": 0.25, "eventsourcing, load and save": 3},
    )
