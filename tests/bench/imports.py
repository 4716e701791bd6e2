"""Lists of 1,000, 3,000 and 10,000 devices: dry run, applying, export; time and memory per line.

Each size has an organisation and a process of its own, so that the memory is its own as well. The
cost has to grow in line: what a line costs at 10,000 is compared with what it costs at 1,000, in
CPU time, since neighbours are noisy.
"""

from __future__ import annotations

import csv
import io
import multiprocessing
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.db import connection

from devices import queries
from devices.lists import exports, imports
from devices.lists.models import Import
from devices.lists.state import ImportPhase, ImportState
from devices.lists.writing import Form
from fleet.accounts.access import actor_of
from fleet.accounts.state import Role
from fleet.eventstore.messages import By
from fleet.eventstore.store import read_stream, state_of
from tests.bench import world
from tests.cast import organisation, person

SIZES = (1000, 3000, 10_000)
ROUNDS = 3  # at most: each one adds a whole fleet
GROWS = 1.5  # what a line may cost more at 10,000 than at 1,000
CAMERAS = 50  # to an NVR
HEAD = ("Name", "Kind", "Address", "Account", "Password", "Reset Password Email", "NVR",
        "Channel", "Services", "Serial", "MAC")  # fmt: skip

T = TypeVar("T")


@dataclass(frozen=True)
class Cost:
    """In seconds, of the clock and of the CPU; or in MB, which is told as both."""

    clock: float
    cpu: float


Costs = dict[str, Cost]


def run(rounds: int) -> None:
    world.alice()  # nobody is there to react
    found: dict[int, list[Costs]] = {size: [] for size in SIZES}
    for round_ in range(min(rounds, ROUNDS)):
        for size in SIZES:
            found[size].append(_in_a_process(size, round_))
    print(f"\nA list of devices, on {connection.vendor}: seconds, of them on the CPU; memory in MB")
    print(f"  {'':<32}" + "".join(f"{size:>17,}" for size in SIZES) + "   a line, last to first")
    for name in found[SIZES[0]][0]:
        costs = [_median([one[name] for one in found[size]]) for size in SIZES]
        ratio = (costs[-1].cpu / SIZES[-1]) / (costs[0].cpu / SIZES[0])
        verdict = "in line" if ratio <= GROWS else f"NOT in line (goal ≤ {GROWS:g})"
        shown = "".join(f"{cost.clock:>10.2f} {cost.cpu:>6.2f}" for cost in costs)
        print(f"  {name:<32}{shown}   {ratio:.2f} {verdict}")


def _median(costs: list[Cost]) -> Cost:
    return Cost(
        statistics.median(cost.clock for cost in costs),
        statistics.median(cost.cpu for cost in costs),
    )


def _in_a_process(size: int, round_: int) -> Costs:
    connection.close()
    context: Any = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=lambda: theirs.send(measure(size, round_)))
    process.start()
    costs: Costs = ours.recv()
    process.join()
    return costs


def measure(size: int, round_: int) -> Costs:
    """Everything that happens to a list of this size."""
    owner, site = organisation(f"Bench {size} {round_}", "Yard")
    by = By(actor_of(person(f"Bench{size}x{round_}", owner, Role.ADMINISTRATOR)))
    costs: Costs = {}

    def timed(name: str, act: Callable[[], T]) -> T:
        clock, cpu = time.perf_counter(), time.process_time()
        done = act()
        costs[name] = Cost(time.perf_counter() - clock, time.process_time() - cpu)
        return done

    def check(what: str, data: bytes) -> UUID:
        return timed(what, lambda: imports.check(site, "list", data, by))

    before = _memory()
    added = check("dry run, all to add, CSV", _csv(size, "Camera"))
    costs["its memory"] = Cost(_memory() - before, _memory() - before)
    timed("applying it", lambda: _apply(added, by))
    costs["memory of both"] = Cost(_memory() - before, _memory() - before)
    check("dry run, all unchanged, CSV", _csv(size, "Camera"))
    changed = check("dry run, all to change, CSV", _csv(size, "Gate"))
    timed("applying it, all changed", lambda: _apply(changed, by))
    sheet = timed("export, XLSX", lambda: _export(by, Form.XLSX))
    timed("export, CSV", lambda: _export(by, Form.CSV))
    same = check("dry run, all unchanged, XLSX", sheet)
    row = Import.objects.for_jobs().get(pk=same)
    assert (row.unchanged, row.problems) == (size, 0), row.__dict__
    connection.close()
    return costs


def _apply(import_id: UUID, by: By) -> None:
    imports.apply(import_id, by)
    imports.carry_out(state_of(ImportState, import_id), read_stream(import_id)[-1])
    assert state_of(ImportState, import_id).phase is ImportPhase.APPLIED


def _export(by: By, form: Form) -> bytes:
    return b"".join(exports.export(by.actor, queries.devices(by.actor), form).pieces)


def _csv(size: int, prefix: str) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([HEAD, *_lines(size, prefix)])
    return out.getvalue().encode()


def _lines(size: int, prefix: str) -> Iterator[tuple[str, ...]]:
    for n in range(size):
        nvr, channel = divmod(n, CAMERAS + 1)
        host = f"10.{n // 62500}.{n // 250 % 250}.{n % 250 + 1}"
        mac = f"02:00:5E:{n >> 16:02X}:{n >> 8 & 255:02X}:{n & 255:02X}"
        yield (
            f"{prefix} {n:05}" if channel else f"Recorder {nvr}",
            "camera" if channel else "NVR",
            host,
            "admin",
            "not-used-here-1",
            "owner@example.com",
            f"Recorder {nvr}" if channel else "",
            str(channel) if channel else "",
            "rtsp:554",
            f"SN{n:08}",
            mac,
        )


def _memory() -> float:
    """The most that this process has held until now, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
