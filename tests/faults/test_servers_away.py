"""A whole Rekey whose processes are killed at random moments while resets are walked in a row; then
with its workers killed, its broker away, its database away, or all of it killed in the middle of
one. Nothing is lost, and each goes on by itself; the tests say how long that took.

All on one Rekey, since most of the time goes into starting it. REKEY_FAULT_RESETS says how many are
walked in a row (200 for the figures), REKEY_FAULT_SEED which draws.
"""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from devices.virtual import DeviceSpec
from devices.virtual.scenario_file import read
from fleet.eventstore.subscriptions import LEASE
from tests.faults.conftest import OwnServers
from tests.faults.killer import WORKER, Killer
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
from tests.faults.walks import begin, next_step, walk_all

RESETS = int(os.environ.get("REKEY_FAULT_RESETS", "12"))
SEED = int(os.environ.get("REKEY_FAULT_SEED", "20"))
CLIENTS = 2 if RESETS < 50 else 8
CAMERAS = max(CLIENTS + 2, RESETS // 10)
PAUSES = (0.1, 0.5) if RESETS < 50 else (0.5, 3.0)  # seconds between two kills
MOST_KILLS = 8 if RESETS < 50 else RESETS + 4
HONEST_ENDS = {"done", "failed", "unproven"}
WEB_THREADS = 8
SWEEP = 2.0  # seconds, REKEY_SWEEP_SECONDS
SLOW = "Gate"
# The slow one is long enough at it for a fault in the middle: about ten exchanges.
SCENARIO = f"""
size = {CAMERAS}
seed = {SEED}
port_base = 0
[[device]]
name = "{SLOW}"
delay = 0.25
"""


@dataclass
class Running:
    """A running Rekey with its servers and cameras, and Alice, who administers it."""

    up: Up
    servers: OwnServers
    specs: list[DeviceSpec]
    facts: dict[str, str]

    def port(self, name: str) -> int:
        return int(self.up.environment[f"REKEY_{name}_PORT"])

    def api(self) -> Api:
        return Api(self.port("WEB"), self.facts["token"])

    def take_in(self, specs: list[DeviceSpec]) -> dict[str, str]:
        """Add these cameras; their ids and mailboxes, once all are taken in."""
        api, mailboxes = self.api(), {spec.name: f"{spec.serial}@example.com" for spec in specs}
        listed = ask(self.port("CONTROL"), "GET", "/devices").json["devices"]
        places = {one["serial"]: one["port"] for one in listed}
        for spec in specs:
            body = {
                "site": self.facts["site"], "kind": "camera", "name": spec.name,
                "host": "127.0.0.1", "port": places[spec.serial], "username": "admin",
                "password": spec.password, "reset_email": mailboxes[spec.name],
            }  # fmt: skip
            assert api.post("devices/", body).status == 201

        def taken_in() -> dict[str, str] | None:
            rows = api.get("devices/", limit=100).json["results"]
            ready = [row for row in rows if row["managed"] and row["name"] in mailboxes]
            found = {row["id"]: row["reset_email"] for row in ready}
            return found if len(found) == len(specs) else None

        return until("every camera is taken in", taken_in)


@pytest.fixture(scope="module")
def running(own_servers: OwnServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    own = own_servers.environment
    scenario = tmp_path_factory.mktemp("fleet") / "cameras.toml"
    scenario.write_text(SCENARIO)
    fleet = started(
        ["manage.py", "virtual_fleet", "--scenario", str(scenario),
         "--control-port", own["REKEY_CONTROL_PORT"], "--discovery-port", "0"], own,
    )  # fmt: skip
    found = Running(Up(own, "--no-virtual-fleet"), own_servers, read(scenario), {})
    try:
        found.up.wait_until_ready()
        found.facts = inside(own, "prepare")
        yield found
        assert not inside(own, "audit")["broken_chains"]
    finally:
        found.up.stop()
        fleet.kill()
        fleet.wait()


# --- many resets ----------------------------------------------------------------------------------


def test_no_reset_is_lost_while_workers_are_killed(running: Running) -> None:
    facts, inbox = running.facts, running.port("INBOX")
    limits = [
        {"counted": "guesses", "scope": "mailbox", "most": 100, "window": 3600, "trips": False}
    ]
    lifted = running.api().post(f"sites/{facts['site']}/limits/", {"limits": limits})
    assert lifted.status == 200, lifted
    devices = running.take_in([spec for spec in running.specs if spec.name != SLOW])

    clients = [running.api() for _ in range(CLIENTS)]
    began = time.monotonic()
    with Killer(running.up, SEED, PAUSES, MOST_KILLS) as killer:
        walked = walk_all(clients, inbox, devices, RESETS, PATIENCE + 5 * RESETS)
    took = time.monotonic() - began
    assert not walked.errors, walked.errors
    where = {"control_port": running.port("CONTROL")}
    stands = inside(running.up.environment, "audit", seconds=PATIENCE, **where)

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


# --- one reset ------------------------------------------------------------------------------------


@dataclass
class Site:
    """The running Rekey with the camera that answers slowly."""

    running: Running
    spec: DeviceSpec
    device: str
    mailbox: str
    api: Api

    @property
    def up(self) -> Up:
        return self.running.up

    @property
    def servers(self) -> OwnServers:
        return self.running.servers

    def set_going(self, reason: str) -> str:
        """A reset whose new password is on its way: the device has begun to answer the worker."""
        reset = begin(self.api, self.device, reason)
        asked = self._exchanges()
        until("the password is chosen", lambda: self.step(reset) == "applying")
        until("the device is asked", lambda: self._exchanges() > asked)
        return reset

    def ends_well(self, reset: str) -> None:
        until(f"reset {reset} ends", lambda: not self._facts(reset)["open"])
        facts = self._facts(reset)
        assert (facts["phase"], facts["outcome"]) == ("done", "proven"), facts
        revealed = self.api.post(f"devices/{self.device}/reveal/", {"reason": "to compare"}).json
        login = {"username": "admin", "password": revealed["password"]}
        assert self._back_door("POST", "opens", login)["opens"]

    def step(self, reset: str) -> str:
        """Where it stands; and the next step is taken, if it is a person's turn."""
        facts = self._facts(reset)
        if facts["phase"] != "applying":
            next_step(self.api, self.running.port("INBOX"), facts, self.mailbox)
        return str(facts["phase"])

    def _facts(self, reset: str) -> dict[str, Any]:
        facts: dict[str, Any] = self.api.get(f"resets/{reset}/").json
        return facts

    def _exchanges(self) -> int:
        return sum(self._back_door("GET", "calls").values())

    def _back_door(self, method: str, what: str, body: Any = None) -> Any:
        path = f"/devices/{self.spec.serial}/{what}"
        return ask(self.running.port("CONTROL"), method, path, body).json


@pytest.fixture(scope="module")
def site(running: Running) -> Site:
    [spec] = [spec for spec in running.specs if spec.name == SLOW]
    [(device, mailbox)] = running.take_in([spec]).items()
    return Site(running, spec, device, mailbox, running.api())


def test_workers_that_are_killed_in_the_middle_of_a_reset_are_taken_over(site: Site) -> None:
    """Step 6: kill -9, and it ends well by itself."""
    reset = site.set_going("the workers die")
    began = time.monotonic()
    assert all(map(site.up.kill, site.up.mains(WORKER)))
    site.ends_well(reset)
    took = time.monotonic() - began
    print(
        f"\nkilled workers: done {took:.1f} s after it (lease {LEASE.seconds} s, sweep {SWEEP} s)"
    )
    assert took > 5, "nobody died: the job was through already"
    assert took < 2 * LEASE.seconds + 30, "a lease, a sweep, the job itself"


@contextlib.contextmanager
def broker_away(servers: OwnServers) -> Iterator[None]:
    """Valkey is killed, and comes back with nothing in it; or no file can be written."""
    if servers.broker is not None:
        servers.broker.kill()
        yield
        servers.broker.start()
        return
    queue = Path(servers.environment["REKEY_VAR"], "broker", "queue")
    kept = queue.rename(queue.with_name("queue.kept"))
    queue.symlink_to("/proc/sys/kernel")  # closed even to root
    yield
    queue.unlink()
    kept.rename(queue)


def test_without_a_broker_people_go_on_and_the_sweep_picks_their_work_up(site: Site) -> None:
    with broker_away(site.servers):
        began = time.monotonic()
        begun = site.api.post(f"devices/{site.device}/resets/", {"reason": "no broker"})
        assert begun.status == 201
        reset = begun.json["id"]
        sent = site.api.post(f"resets/{reset}/send-code/")
        assert (sent.status, sent.json["delivery"]) == (200, "queued")
        asked = time.monotonic() - began
        assert asked < 10, "whoever asks does not wait for a broker"
    back = time.monotonic()
    until("mailed", lambda: site.api.get(f"resets/{reset}/").json["delivery"] == "handed_over")
    took = time.monotonic() - back
    print(f"\nbroker away: two calls took {asked:.1f} s; mailed {took:.1f} s after it was back")
    until("the password is chosen", lambda: site.step(reset) == "applying")
    site.ends_well(reset)


def test_a_database_that_is_restarted_in_the_middle_costs_time_and_nothing_else(
    site: Site,
) -> None:
    database = site.servers.database
    if database is None:
        pytest.skip("SQLite has no server")
    reset = site.set_going("the database dies")
    began = time.monotonic()
    database.kill()
    answer = site.api.get("devices/")
    assert answer.status >= 500
    assert "Traceback" not in answer.body
    database.start()
    down = time.monotonic() - began
    answers = [site.api.get("devices/").status for _ in range(3 * WEB_THREADS)]
    assert set(answers) == {200}, "connections that died are noticed before they are used"
    site.ends_well(reset)
    took = time.monotonic() - began
    print(f"\ndatabase away for {down:.1f} s: done {took:.1f} s after it was killed")
    site.ends_well(site.set_going("and another"))


def test_all_of_it_is_killed_after_an_answer_and_the_next_one_keeps_its_word(site: Site) -> None:
    with broker_away(site.servers):
        reset = begin(site.api, site.device, "everything dies")
        assert site.step(reset) == "requested"
        site.up.process.kill()
        site.up.process.wait()
    began = time.monotonic()
    site.running.up = Up(site.servers.environment, "--no-virtual-fleet")
    site.up.wait_until_ready()
    up = time.monotonic() - began
    until("the password is chosen", lambda: site.step(reset) == "applying")
    site.ends_well(reset)
    print(f"\nall killed: up again in {up:.1f} s, done in {time.monotonic() - began:.1f} s")
