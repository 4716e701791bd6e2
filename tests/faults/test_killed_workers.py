"""Resets in a row while Rekey's processes are killed at random moments: none is lost.

REKEY_FAULT_RESETS says how many (200 for the figures), REKEY_FAULT_SEED which draws.
"""

from __future__ import annotations

import math
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from statistics import median
from typing import Any

import pytest

from fleet.eventstore.subscriptions import LEASE
from tests.faults.killer import Killer
from tests.faults.rekey import (
    PATIENCE,
    Api,
    Up,
    ask,
    code_mails,
    inside,
    started,
    told_of,
    until,
)
from tests.faults.walks import walk_all

RESETS = int(os.environ.get("REKEY_FAULT_RESETS", "12"))
SEED = int(os.environ.get("REKEY_FAULT_SEED", "20"))
CLIENTS = 2 if RESETS < 50 else 8
CAMERAS = max(CLIENTS + 2, RESETS // 10)
PAUSES = (0.1, 0.5) if RESETS < 50 else (0.5, 3.0)  # seconds between two kills
MOST_KILLS = 8 if RESETS < 50 else RESETS + 4
HONEST_ENDS = {"done", "failed", "unproven"}


@pytest.fixture
def up(own: dict[str, str]) -> Iterator[Up]:
    fleet = started(
        ["manage.py", "virtual_fleet", "--count", str(CAMERAS), "--port-base", "0",
         "--control-port", own["REKEY_CONTROL_PORT"], "--seed", str(SEED)], own,
    )  # fmt: skip
    running = Up(own, "--no-virtual-fleet")
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop()
        fleet.kill()
        fleet.wait()


def add_cameras(api: Api, site: str, control: int) -> dict[str, str]:
    """Add the whole virtual fleet; the devices' ids and mailboxes, once all are taken in."""
    from devices.virtual import uniform_scenario

    places = {d["serial"]: d["port"] for d in ask(control, "GET", "/devices").json["devices"]}
    for spec in uniform_scenario(SEED, CAMERAS, 0):
        body = {
            "site": site, "kind": "camera", "name": spec.name, "host": "127.0.0.1",
            "port": places[spec.serial], "username": "admin", "password": spec.password,
            "reset_email": f"{spec.serial}@example.com",
        }  # fmt: skip
        assert api.post("devices/", body).status == 201

    def taken_in() -> dict[str, str] | None:
        rows = api.get("devices/", limit=100, site=site).json["results"]
        ready = {row["id"]: row["reset_email"] for row in rows if row["managed"]}
        return ready if len(ready) == CAMERAS else None

    return until("every camera is taken in", taken_in)


def test_no_reset_is_lost_while_workers_are_killed(own: dict[str, str], up: Up) -> None:
    web, inbox, control = (int(own[f"REKEY_{name}_PORT"]) for name in ("WEB", "INBOX", "CONTROL"))
    facts = inside(own, "prepare")
    limits = [
        {"counted": "guesses", "scope": "mailbox", "most": 100, "window": 3600, "trips": False}
    ]
    lifted = Api(web, facts["token"]).post(f"sites/{facts['site']}/limits/", {"limits": limits})
    assert lifted.status == 200, lifted
    devices = add_cameras(Api(web, facts["token"]), facts["site"], control)

    clients = [Api(web, facts["token"]) for _ in range(CLIENTS)]
    began = time.monotonic()
    with Killer(up, SEED, PAUSES, MOST_KILLS) as killer:
        walked = walk_all(clients, inbox, devices, RESETS, PATIENCE + 5 * RESETS)
    took = time.monotonic() - began
    assert not walked.errors, walked.errors
    stands = inside(own, "audit", seconds=PATIENCE, control_port=control)

    mails = code_mails(inbox)
    outcomes = Counter(
        " ".join(dict.fromkeys((r["phase"], r["outcome"]))) for r in stands["resets"].values()
    )
    seconds = sorted(walked.seconds)
    print(
        f"\n{RESETS} resets of {CAMERAS} cameras by {CLIENTS} clients in {took:.0f} s, seed {SEED}:"
        f" {dict(outcomes)}; killed: {dict(killer.killed)} = {killer.killed.total()};"
        f" a reset took {median(seconds):.1f} s, at most {seconds[-1]:.1f} s,"
        f" and {sum(s > LEASE.seconds for s in seconds)} longer than a lease;"
        f" {len(mails)} mails; {sum(c.broken for c in clients)} calls without an answer;"
        f" {stands['events']} events"
    )

    # Every reset that was begun has ended, honestly; the clients saw the same.
    assert len(stands["resets"]) == RESETS
    assert {r: s["phase"] for r, s in stands["resets"].items()} == {
        r: s["phase"] for r, s in walked.ended.items()
    }
    assert {s["phase"] for s in stands["resets"].values()} <= HONEST_ENDS
    assert outcomes["done proven"] >= math.ceil(RESETS * 0.9), outcomes
    assert killer.killed.total() >= RESETS // 4, "too few were killed for this to mean anything"
    assert set(stands["later"]) <= {"resets.expire_reset"}

    # However often a send was mailed: under one Message-ID there is one code.
    codes = defaultdict(set)
    for mail in mails:
        codes[mail.reset, mail.send].add(mail.code)
    assert {len(several) for several in codes.values()} == {1}
    assert {reset for reset, _ in codes} == set(stands["resets"])

    # Of every reset the administrator was told, and by one notice, however often it was mailed.
    told = told_of(inbox, facts["email"])
    assert {len(ids) for ids in told.values()} == {1}
    assert set(told) == set(stands["resets"])

    # Every camera opens with what the vault holds.
    ended_well = _newest_phase(walked.ended)
    assert len(stands["devices"]) == CAMERAS
    for device, is_now in stands["devices"].items():
        assert is_now["opened_by"]["management"] == ["current"], is_now
        if ended_well.get(device, "done") == "done":
            assert is_now["opened_by"]["device"] == ["current"], is_now
            assert is_now["certified"], is_now
        else:
            assert len(is_now["opened_by"]["device"]) == 1, is_now

    assert not stands["owed"]
    assert not stands["broken_chains"]
    assert not stands["wrong_rows"]
    assert not [s for c in clients for s in c.statuses if s >= 500]


def _newest_phase(ended: dict[str, dict[str, Any]]) -> dict[str, str]:
    """How the newest reset of each device ended: ids are in the order of time."""
    return {facts["device"]: facts["phase"] for _, facts in sorted(ended.items())}
