"""A page of 100 devices by the API, against bare SQL and orjson on the same server."""

from __future__ import annotations

import http.client
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from fleet.accounts.access import digest_of
from fleet.accounts.state import Role
from fleet.accounts.steps.issue_token import IssueToken
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from tests.bench import world
from tests.bench.measure import Contestant, report, take_turns
from tests.services import free_port

REQUESTS = 150
PAGE = "/api/v1/devices/?limit=100"


def token() -> str:
    by, stream, secret = world.alice(), new_id(), secrets.token_urlsafe(32)
    organisation = by.actor.grants[0].organisation
    handle(IssueToken(organisation, digest_of(secret), "bench", Role.VIEWER, 1), stream, by)
    return f"rk_{stream.hex}_{secret}"


@contextmanager
def granian(application: str) -> Iterator[int]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1",
         "--port", str(port), "--workers", "1", "--blocking-threads", "4", "--no-access-log",
         "--log-level", "error", application],
        env=os.environ,
    )  # fmt: skip
    try:
        for _ in range(200):
            try:
                http.client.HTTPConnection("127.0.0.1", port, timeout=1).connect()
                break
            except OSError:
                time.sleep(0.05)
        yield port
    finally:
        process.terminate()
        process.wait(10)


def run(rounds: int) -> None:
    world.devices(1000)
    bearer = {"Authorization": f"Bearer {token()}"}
    os.environ["BENCH_ORGANISATION"] = str(world.alice().actor.grants[0].organisation)
    with granian("fleet.wsgi:application") as ours, granian("tests.bench.bare_list:app") as bare:

        def fetch(port: int, path: str) -> None:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            for _ in range(REQUESTS):
                connection.request("GET", path, headers=bearer)
                answer = connection.getresponse()
                body = answer.read()
                assert answer.status == 200, body[:300]
                assert body.count(b'"serial"') == 100, body[:300]

        results = take_turns(
            [
                Contestant("API", lambda _: fetch(ours, PAGE), REQUESTS),
                Contestant("bare SQL and orjson", lambda _: fetch(bare, "/"), REQUESTS),
            ],
            rounds,
        )
    report("A page of 100 devices", "API", results, {"bare SQL and orjson": 0.45})
