"""A whole Rekey, with its worker killed, its broker away, its database away, or all of it killed in
the middle of a reset. Each goes on by itself; the tests say how long that took."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from devices.virtual import ThreadedFleet, fleet_in_thread, uniform_scenario
from fleet.eventstore.subscriptions import LEASE
from tests.faults.conftest import OwnServers
from tests.faults.rekey import Api, Up, inside, until
from tests.faults.walks import begin, next_step

WEB_THREADS = 8
SWEEP = 2.0  # seconds, REKEY_SWEEP_SECONDS
# Long enough for a fault in the middle of it: about ten exchanges.
SLOW = replace(uniform_scenario(seed=13, count=1, port_base=0)[0], delay=0.25)
MAILBOX = "gate@example.com"


@dataclass
class Site:
    """A running Rekey with one camera, which answers slowly."""

    up: Up
    servers: OwnServers
    fleet: ThreadedFleet
    api: Api
    inbox: int
    device: str

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
        assert self.fleet.opens(SLOW.serial, "admin", revealed["password"])

    def step(self, reset: str) -> str:
        """Where it stands; and the next step is taken, if it is a person's turn."""
        facts = self._facts(reset)
        if facts["phase"] != "applying":
            next_step(self.api, self.inbox, facts, MAILBOX)
        return str(facts["phase"])

    def _facts(self, reset: str) -> dict[str, Any]:
        facts: dict[str, Any] = self.api.get(f"resets/{reset}/").json
        return facts

    def _exchanges(self) -> int:
        return sum(self.fleet.calls(SLOW.serial).values())


@pytest.fixture(scope="module")
def site(own_servers: OwnServers) -> Iterator[Site]:
    own = own_servers.environment
    with fleet_in_thread([SLOW]) as fleet:
        up = Up(own, "--no-virtual-fleet", "--workers", "1")
        try:
            up.wait_until_ready()
            facts = inside(own, "prepare")
            api = Api(int(own["REKEY_WEB_PORT"]), facts["token"])
            host, port = fleet.address(SLOW.serial)
            body = {
                "site": facts["site"], "kind": "camera", "name": "Gate", "host": host, "port": port,
                "username": "admin", "password": SLOW.password, "reset_email": MAILBOX,
            }  # fmt: skip
            device = api.post("devices/", body).json["id"]
            until("taken in", lambda: api.get(f"devices/{device}/").json["managed"])
            running = Site(up, own_servers, fleet, api, int(own["REKEY_INBOX_PORT"]), device)
            yield running
            up = running.up
            assert not inside(own, "audit")["broken_chains"]
        finally:
            up.stop()


def test_a_worker_that_is_killed_in_the_middle_of_a_reset_is_taken_over(site: Site) -> None:
    """Step 6: kill -9, and it ends well by itself."""
    reset = site.set_going("a worker dies")
    [worker] = site.up.mains("celery -A fleet worker")
    began = time.monotonic()
    assert site.up.kill(worker)
    site.ends_well(reset)
    took = time.monotonic() - began
    print(f"\nkilled worker: done {took:.1f} s after it (lease {LEASE.seconds} s, sweep {SWEEP} s)")
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
    site.up = Up(site.servers.environment, "--no-virtual-fleet", "--workers", "1")
    site.up.wait_until_ready()
    up = time.monotonic() - began
    until("the password is chosen", lambda: site.step(reset) == "applying")
    site.ends_well(reset)
    print(f"\nall killed: up again in {up:.1f} s, done in {time.monotonic() - began:.1f} s")
