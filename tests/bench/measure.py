"""Taking turns, and what comes of it."""

from __future__ import annotations

import gc
import multiprocessing
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Contestant:
    """`run(n)` does n operations and may answer with the seconds that count."""

    name: str
    run: Callable[[int], float | None]
    operations: int
    reach: float | None = None  # ours has to reach this share of the one it is compared with


@dataclass
class Result:
    rates: list[float]
    cpu: list[float]

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)

    @property
    def cpu_us(self) -> float:
        return statistics.median(self.cpu) * 1e6


def take_turns(contestants: list[Contestant], rounds: int) -> dict[str, Result]:
    results = {c.name: Result([], []) for c in contestants}
    for round_ in range(-1, rounds):  # the first one warms up
        for contestant in contestants:
            cpu, wall = time.process_time(), time.perf_counter()
            counted = contestant.run(contestant.operations)
            wall = time.perf_counter() - wall if counted is None else counted
            cpu = time.process_time() - cpu
            if round_ >= 0:
                results[contestant.name].rates.append(contestant.operations / wall)
                results[contestant.name].cpu.append(cpu / contestant.operations)
    return results


def report(title: str, ours: str, results: dict[str, Result], reach: dict[str, float]) -> None:
    """One line a contestant; for each goal whether it is reached."""
    print(f"\n{title}")
    own = results[ours].rate
    for name, result in results.items():
        ratio = own / result.rate
        goal = ""
        if name in reach:
            verdict = "reached" if ratio >= reach[name] else "NOT reached"
            goal = f"  goal ≥ {reach[name]:g}: {verdict}"
        low, high = min(result.rates), max(result.rates)
        compared = "" if name == ours else f"  ours/this {ratio:.2f}{goal}"
        print(
            f"  {name:<34}{result.rate:>10,.0f}/s  ({low:,.0f}–{high:,.0f})"
            f"  {result.cpu_us:>7.0f} µs CPU{compared}"
        )


def in_processes(run: Callable[[int, int], None], clients: int, each: int) -> float:
    """Seconds that `clients` processes take together, from a common start; each does `each`."""
    context: Any = multiprocessing.get_context("fork")
    start, end = context.Barrier(clients + 1), context.Barrier(clients + 1)

    def client(index: int) -> None:
        run(index, 0)  # connect and warm up
        start.wait()
        run(index, each)
        end.wait()

    processes = [context.Process(target=client, args=(i,)) for i in range(clients)]
    gc.collect()
    gc.freeze()  # or the first collection in each client copies all that this process has loaded
    for process in processes:
        process.start()
    gc.unfreeze()
    start.wait(timeout=60)
    began = time.perf_counter()
    end.wait(timeout=300)
    took = time.perf_counter() - began
    for process in processes:
        process.join()
    return took
