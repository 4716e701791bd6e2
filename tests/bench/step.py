"""One step through `handle`: load, decide, project, chain, append, commit. One connection.

What is beside it decides on no limit, so neither does `handle`; a limit's decision has a row of its
own (`limits`), and the step with all of its limits stands beside the others.
"""

from __future__ import annotations

import contextlib
from uuid import UUID

from fleet.errors import Refused
from fleet.eventstore.handling import Order, handle, handle_all
from fleet.eventstore.messages import By
from resets.limits.rules import Budget
from resets.steps.verify_code import VerifyCode
from tests.bench import peers, world
from tests.bench.measure import Contestant, report, take_turns

STEPS = 300


def wrong_code(reset: UUID, by: By) -> None:
    with contextlib.suppress(Refused):
        handle(VerifyCode("00000000"), reset, by)


def without_limits(reset: UUID, by: By) -> None:
    handle_all([Order(VerifyCode("00000000", budget=Budget()), reset, looked_up=True)], by)


def run(rounds: int) -> None:
    by = world.alice()
    ours, limited, plain = (iter(world.resets(STEPS * (rounds + 1))) for _ in range(3))
    application, kind = peers.library()
    theirs = iter(peers.library_resets(application, kind, STEPS * (rounds + 1)))
    bare = peers.Bare()

    def handled(times: int) -> None:
        for _ in range(times):
            without_limits(next(ours), by)

    def with_limits(times: int) -> None:
        for _ in range(times):
            wrong_code(next(limited), by)

    def by_orm(times: int) -> None:
        for _ in range(times):
            peers.orm_step(next(plain))

    def by_library(times: int) -> None:
        for _ in range(times):
            peers.library_step(application, next(theirs))

    results = take_turns(
        [
            Contestant("handle", handled, STEPS),
            Contestant("handle, with its limits", with_limits, STEPS),
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
