"""The same step without its limits, eight processes with a connection each."""

from __future__ import annotations

from uuid import UUID

from django.db import connections

from tests.bench import peers, world
from tests.bench.measure import Contestant, in_processes, report, take_turns
from tests.bench.step import without_limits

CLIENTS, EACH = 8, 60


def run(rounds: int) -> None:
    by = world.alice()
    each_round = CLIENTS * (EACH + 1)
    ours, plain = (world.resets(each_round * (rounds + 1)) for _ in range(2))
    application, kind = peers.library()
    theirs = peers.library_resets(application, kind, each_round * (rounds + 1))
    application.close()
    peers.Bare().connection.close()  # makes its table, once
    connections.close_all()
    state: dict[int, object] = {}  # what a client process keeps between its warm-up and its run

    def shared(streams: list[UUID], turn: list[int], index: int, times: int) -> list[UUID]:
        first = turn[0] * each_round + index * (EACH + 1)
        return streams[first : first + 1] if not times else streams[first + 1 : first + 1 + times]

    def contestant(name: str, streams: list[UUID] | None, step) -> Contestant:  # type: ignore[no-untyped-def]
        turn = [0]

        def client(index: int, times: int) -> None:
            step(shared(streams, turn, index, times) if streams else times)

        def whole(_: int) -> float:
            took = in_processes(client, CLIENTS, EACH)
            turn[0] += 1
            return took

        return Contestant(name, whole, CLIENTS * EACH)

    def handled(streams: list[UUID]) -> None:
        for reset in streams:
            without_limits(reset, by)

    def by_orm(streams: list[UUID]) -> None:
        for reset in streams:
            peers.orm_step(reset)

    def by_library(streams: list[UUID]) -> None:
        if 0 not in state:
            state[0] = peers.library(create_table="no")[0]
        for reset in streams:
            peers.library_step(state[0], reset)

    def bare(times: int) -> None:
        if 1 not in state:
            state[1] = peers.Bare()
        state[1].run(times or 1)  # type: ignore[attr-defined]

    results = take_turns(
        [
            contestant("handle", ours, handled),
            contestant("bare BEGIN, INSERT, COMMIT", None, bare),
            contestant("eventsourcing, load and save", theirs, by_library),
            contestant("plain ORM calls", plain, by_orm),
        ],
        rounds,
    )
    report(
        "One step, eight connections (CPU is the parent's alone)",
        "handle",
        results,
        {"bare BEGIN, INSERT, COMMIT": 0.15, "eventsourcing, load and save": 5},
    )
