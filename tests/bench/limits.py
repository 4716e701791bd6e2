"""One decision of a limit: ours on PostgreSQL, with its commit, against the package `limits` on
Valkey (moving window), which keeps its counts in memory. Then: is ours flat in history?

Each decision counts over one of many devices, and passes. `limits` answers yes or no; ours also
how many are left.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

from django.db import connection, connections
from django.utils import timezone
from limits import RateLimitItemPerHour
from limits.storage import RedisStorage
from limits.strategies import MovingWindowRateLimiter

from fleet.eventstore import database
from resets.limits import ledger
from resets.limits.rules import HOUR, Counted, Limit, Scope, Use
from tests.bench.measure import Contestant, in_processes, report, take_turns
from tests.services import valkey

CLIENTS, EACH, DECISIONS, KEYS = 8, 400, 1500, 500
MOST = 1000
LIMIT = Limit(Counted.CODES, Scope.DEVICE, MOST, HOUR)
SIZES = (10_000, 100_000, 1_000_000)

Decide = Callable[[int], None]


def ours(hot: bool = False) -> Decide:
    """Ask as often as told, over one of many keys each time; `hot`: over one and the same."""
    keys = [uuid4() for _ in range(1 if hot else KEYS)]

    def decide(times: int) -> None:
        for key, _ in zip(itertools.cycle(keys), range(times), strict=False):
            assert not ledger.take([Use(LIMIT, key)], timezone.now()).refused

    return decide


def theirs(url: str, hot: bool = False) -> Decide:
    limiter = MovingWindowRateLimiter(RedisStorage(url))
    item, keys = RateLimitItemPerHour(MOST), [str(uuid4()) for _ in range(1 if hot else KEYS)]

    def decide(times: int) -> None:
        for key, _ in zip(itertools.cycle(keys), range(times), strict=False):
            assert limiter.hit(item, key)

    return decide


def run(rounds: int) -> None:
    with valkey() as broker:
        one_client(broker.url, rounds)
        eight_clients(broker.url, rounds)
    flat(rounds)


def one_client(url: str, rounds: int) -> None:
    results = take_turns(
        [
            Contestant("take", ours(), DECISIONS),
            Contestant("limits, moving window", theirs(url), DECISIONS),
        ],
        rounds,
    )
    report("One decision, one client", "take", results, {"limits, moving window": 0.8})


def eight_clients(url: str, rounds: int) -> None:
    connections.close_all()

    def contestant(name: str, made: Callable[[], Decide]) -> Contestant:
        kept: list[Decide] = []  # by each process, from its warm-up to its run

        def client(index: int, times: int) -> None:
            if not times:
                kept.append(made())
            kept[0](times or KEYS)

        def whole(_: int) -> float:
            return in_processes(client, CLIENTS, EACH)

        return Contestant(name, whole, CLIENTS * EACH)

    results = take_turns(
        [
            contestant("take", ours),
            contestant("limits, moving window", lambda: theirs(url)),
        ],
        rounds,
    )
    title = "One decision, eight clients (CPU is the parent's alone)"
    report(title, "take", results, {"limits, moving window": 0.8})
    hot = UUID(int=7)

    def on_one_key() -> Decide:
        def decide(times: int) -> None:
            for _ in range(times):
                ledger.take([Use(LIMIT, hot)], timezone.now())

        return decide

    results = take_turns(
        [
            contestant("take, all over one key", on_one_key),
            contestant("limits, all over one key", lambda: theirs(url, hot=True)),
        ],
        rounds,
    )
    report("The same, all over one key", "take, all over one key", results, {})


def flat(rounds: int) -> None:
    """The same decision with more and more behind it: 100 keys share the history. A bare statement
    takes turns with it, so that a machine that is busier by then does not count.
    """
    keys = [uuid4() for _ in range(100)]
    narrow = Limit(Counted.CODES, Scope.DEVICE, MOST, 60)

    def decide(times: int) -> None:
        for key, _ in zip(itertools.cycle(keys), range(times), strict=False):
            ledger.take([Use(narrow, key)], timezone.now())

    def bare(times: int) -> None:
        for key, _ in zip(itertools.cycle(keys), range(times), strict=False):
            database.rows("SELECT %s::uuid", [key])

    shares, there = [], 0
    print("\nOne decision, with a history of")
    for size in SIZES:
        long_ago = timezone.now() - timedelta(days=2)
        uses = ((keys[n % 100], long_ago + timedelta(milliseconds=n)) for n in range(there, size))
        while some := list(itertools.islice(uses, 50_000)):
            ledger.add(some)
        there = size
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE limit_use")
        asked = Contestant("take", decide, DECISIONS), Contestant("bare", bare, DECISIONS)
        take, other = take_turns(list(asked), rounds).values()
        shares.append(take.rate / other.rate)
        print(f"  {size:>9,} uses {take.rate:>10,.0f}/s  {shares[-1]:.2f} of a bare statement")
    slower = shares[0] / shares[-1]
    verdict = "reached" if slower <= 1.2 else "NOT reached"
    print(f"  {slower:.2f} × slower at the end  goal ≤ 1.2: {verdict}")
