"""A campaign while all of Rekey is killed around it: workers, the web server, the mail server, the
broker with all that is in it, and the database. Nothing happens twice, and nothing is left out.

REKEY_FAULT_CAMPAIGN says over how many cameras (1000 for the figures), REKEY_FAULT_SEED which
draws.
"""

from __future__ import annotations

import contextlib
import math
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from devices.virtual import Character, DeviceSpec
from devices.virtual.scenario_file import read
from tests.faults.conftest import OwnServers
from tests.faults.killer import WORKER
from tests.faults.rekey import (
    CODE,
    Api,
    Broken,
    Up,
    ask,
    inside,
    rebuild_check,
    started,
    until,
)
from tests.services import Service

CAMERAS = int(os.environ.get("REKEY_FAULT_CAMPAIGN", "12"))
SEED = int(os.environ.get("REKEY_FAULT_SEED", "20"))
AT_ONCE = 4 if CAMERAS < 100 else 50
FEW = max(1, CAMERAS // 100)  # of each kind of trouble
PATIENCE = 90.0 + CAMERAS  # seconds
TAKES_HOLD = timedelta(seconds=2)
MAILBOXES = ("north@example.com", "south@example.com")
SCENARIO = f"""
size = {CAMERAS}
seed = {SEED}
port_base = 0
[all]
delay = 0.05
[character]
liar = {FEW}
"""


class Havoc:
    """A thread that strikes each of these once, at random moments, and says when it is over."""

    def __init__(self, strikes: dict[str, Callable[[], object]]) -> None:
        self._chance = random.Random(SEED)
        self._strikes = list(strikes.items())
        self._chance.shuffle(self._strikes)
        self.struck: list[str] = []
        self.failed: list[BaseException] = []
        self.thread = threading.Thread(target=self._run, name="havoc", daemon=True)

    def _run(self) -> None:
        try:
            for name, strike in self._strikes:
                time.sleep(self._chance.uniform(0.1, 0.8) if CAMERAS < 100 else 4)  # any moment
                strike()
                self.struck.append(name)
        except BaseException as error:
            self.failed.append(error)


class Ground:
    """A running Rekey, its servers, its cameras, and two administrators."""

    def __init__(self, up: Up, servers: OwnServers, specs: list[DeviceSpec]) -> None:
        own = servers.environment
        self.up, self.servers, self.specs, self.own = up, servers, specs, own
        self.inbox, self.control = int(own["REKEY_INBOX_PORT"]), int(own["REKEY_CONTROL_PORT"])
        facts = inside(own, "prepare")
        self.site, web = facts["site"], int(own["REKEY_WEB_PORT"])
        self.alice, self.ada = Api(web, facts["token"]), Api(web, inside(own, "second"))

    def take_in(self) -> None:
        listed = ask(self.control, "GET", "/devices").json["devices"]
        places = {d["serial"]: (d["host"], d["port"]) for d in listed}
        for number, spec in enumerate(self.specs):
            host, port = places[spec.serial]
            body = {
                "site": self.site, "kind": "camera", "name": spec.name, "host": host, "port": port,
                "username": "admin", "password": spec.password,
                "reset_email": MAILBOXES[number % 2],
            }  # fmt: skip
            assert self.alice.post("devices/", body).status == 201

        def managed() -> bool:
            audit = inside(self.own, "audit")
            return bool(sum(audit["managed"].values()) == CAMERAS)

        until("all cameras are taken in", managed, PATIENCE)

    def power(self, spec: DeviceSpec, on: bool) -> None:
        ask(self.control, "POST", f"/devices/{spec.serial}/power", {"on": on})

    def post(self, path: str, body: Any = None) -> Any:
        """For calls that may be made twice: whoever has no answer asks again."""
        answer = self.alice.post(path, body)
        assert answer.status < 300, answer
        return answer.json

    # --- the campaign -----------------------------------------------------------------------------

    def planned(self) -> str:
        body = {
            "place": self.site, "kind": "reset", "name": "All", "reason": "Handed over",
            "ends_at": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
            "settings": {"canary": 0, "at_once": AT_ONCE, "stop_share": 0},
        }  # fmt: skip
        id_ = str(self.post("campaigns/", body)["id"])
        until("drawn up", lambda: self.facts(id_)["phase"] == "awaiting_approval", PATIENCE)
        shown = self.ada.get(f"campaigns/{id_}/").json
        digest = {"digest": shown["digest"]}
        agreed = self.ada.post(f"campaigns/{id_}/approve-campaign/", digest)
        assert agreed.status == 200, agreed
        return id_

    def facts(self, campaign: str) -> dict[str, Any]:
        told: dict[str, Any] = self.alice.get(f"campaigns/{campaign}/").json
        return told

    def counts(self, campaign: str) -> Counter[str]:
        return Counter(self.facts(campaign)["counts"])

    def codes_entered(self, campaign: str) -> None:
        """While the mail server is away for a moment: the codes come all the same."""
        rows = self.alice.get(f"campaigns/{campaign}/codes/").json["results"]
        assert {row["mailbox"] for row in rows} == set(MAILBOXES)
        [sink] = self.up.mains("mail_sink")
        assert self.up.kill(sink)
        for row in rows:
            self.post(f"campaigns/{campaign}/codes/{row['id']}/send/")
        for row in rows:
            [mail, *_] = until("a code", partial(self.mails, row["mailbox"]), PATIENCE)
            code = CODE.search(mail["text"])
            assert code
            self.post(f"campaigns/{campaign}/codes/{row['id']}/enter/", {"code": code[1]})

    def mails(self, to: str) -> list[dict[str, Any]]:
        """The mails with a code; none while the mail server is away."""
        query = urlencode({"limit": 100, "to": to})
        with contextlib.suppress(Broken):
            found = ask(self.inbox, "GET", f"/api/mails?{query}").json
            return [mail for mail in found if CODE.search(mail["text"])]
        return []

    def strikes(self) -> dict[str, Callable[[], object]]:
        def kill(words: str) -> Callable[[], object]:
            return lambda: until(words, lambda: any(map(self.up.kill, self.up.mains(words)[:1])))

        found = {"worker": kill(WORKER), "another worker": kill(WORKER), "web": kill("granian")}
        found["beat"] = kill("celery -A fleet beat")
        for name in ("broker", "database"):  # the broker comes back with nothing in it
            if server := getattr(self.servers, name):
                found[name] = partial(_killed_and_started, server)
        return found


def _killed_and_started(server: Service) -> None:
    server.kill()
    server.start()


@pytest.fixture
def ground(own_servers: OwnServers, tmp_path: Path) -> Iterator[Ground]:
    scenario = tmp_path / "cameras.toml"
    scenario.write_text(SCENARIO)
    # So that a camera which is there again is soon seen.
    own_servers.environment |= {"REKEY_SWEEP_DEVICES_SECONDS": "4"}
    own = own_servers.environment
    fleet = started(
        ["manage.py", "virtual_fleet", "--scenario", str(scenario),
         "--control-port", own["REKEY_CONTROL_PORT"], "--discovery-port", "0"], own,
    )  # fmt: skip
    up = Up(own, "--no-virtual-fleet", "--workers", "2")
    try:
        up.wait_until_ready()
        yield Ground(up, own_servers, read(scenario))
    finally:
        up.stop()
        fleet.kill()
        fleet.wait()


@pytest.mark.one_database  # the one that can be killed
def test_a_campaign_ends_as_it_should_whatever_is_killed(ground: Ground) -> None:
    ground.take_in()
    honest = [spec for spec in ground.specs if spec.character is Character.HONEST]
    gone, away = honest[:FEW], honest[FEW : 2 * FEW]
    for spec in (*gone, *away):
        ground.power(spec, on=False)
    campaign = ground.planned()
    began = time.monotonic()
    ground.codes_entered(campaign)

    # Paused in the middle of it: what has begun comes to its end, and nothing else begins.
    until("some are proven", lambda: ground.counts(campaign)["proven"] >= 2, PATIENCE)
    ground.post(f"campaigns/{campaign}/pause-campaign/")
    until("nothing is in work", lambda: not ground.counts(campaign)["running"], PATIENCE)
    paused = ground.counts(campaign)
    assert paused["waiting"], "it was over before it was paused"

    for spec in away:
        ground.power(spec, on=True)
    ground.post(f"campaigns/{campaign}/resume-campaign/")
    havoc = Havoc(ground.strikes())
    havoc.thread.start()
    havoc.thread.join(PATIENCE)
    assert not havoc.failed, havoc.failed
    standing = {"proven": CAMERAS - 2 * FEW, "unproven": FEW, "parked": FEW}

    def all_but_those_that_are_gone() -> bool:
        counts = +ground.counts(campaign)
        return counts == Counter(standing)

    try:
        until("all is done", all_but_those_that_are_gone, PATIENCE)
    except AssertionError as error:
        raise AssertionError(inside(ground.own, "campaign", id=campaign)["items"]) from error
    ground.post(f"campaigns/{campaign}/cancel-campaign/")
    until("it is over", lambda: ground.facts(campaign)["phase"] == "ended", PATIENCE)
    took = time.monotonic() - began

    def nothing_owed() -> dict[str, Any] | None:
        found: dict[str, Any] = inside(ground.own, "audit", control_port=ground.control)
        return found if all(job["later"] and not job["error"] for job in found["jobs"]) else None

    stands = until("no job is left but for later", nothing_owed, PATIENCE)
    told = inside(ground.own, "campaign", id=campaign)
    print(
        f"\n{CAMERAS} cameras in {took:.0f} s, seed {SEED}; killed: {havoc.struck};"
        f" {stands['events']} events; {dict(Counter(row['why'] for row in told['items']))}"
    )

    # Every device stands in one place, and the sums are right.
    ends = Counter(row["standing"] for row in told["items"])
    assert ends == {"proven": CAMERAS - 2 * FEW, "unproven": FEW, "left_out": FEW}
    by_name = {row["device_name"]: row for row in told["items"]}
    assert {by_name[spec.name]["standing"] for spec in gone} == {"left_out"}
    assert {by_name[spec.name]["standing"] for spec in away} == {"proven"}
    counts = ground.facts(campaign)
    assert (counts["chosen"], counts["planned"]) == (CAMERAS, CAMERAS)

    # A turn that was under way may end, and then nothing began while it was paused; and no device
    # was begun again that had not been parked.
    when = {one["type"]: datetime.fromisoformat(one["at"]) for one in told["log"]}
    pause = when["paused"], when["resumed"]
    begun = [datetime.fromisoformat(at) for at in told["begun"]]
    late = [at - pause[0] for at in begun if pause[0] + TAKES_HOLD < at < pause[1]]
    assert not late, (late, pause)
    assert not [row for row in told["items"] if row["attempt"] > 1 and row["why"] == "proven"
                and row["device_name"] not in {spec.name for spec in away}]  # fmt: skip
    assert len(stands["resets"]) == len(begun)

    # Each proven device opens with its vault password, each other one with its old, which the vault
    # has as well; and with no other.
    for facts in stands["devices"].values():
        assert facts["opened_by"]["device"] == ["current"], facts
    passwords = inside(ground.own, "distinct_passwords")
    assert passwords == CAMERAS, "two devices have one password"
    first = [spec for spec in ground.specs if by_name[spec.name]["standing"] != "proven"]
    for spec in ground.specs:
        login = {"username": "admin", "password": spec.password}
        opens = ask(ground.control, "POST", f"/devices/{spec.serial}/opens", login).json["opens"]
        assert opens is (spec in first), spec.name

    # One mail for each mailbox, however often it was sent.
    for mailbox in MAILBOXES:
        assert len({mail["message_id"] for mail in ground.mails(mailbox)}) == 1
    assert not stands["broken_chains"]
    assert "every row is what the log says" in rebuild_check(ground.own)
    assert len(havoc.struck) >= math.ceil(len(ground.strikes()) * 0.9)
