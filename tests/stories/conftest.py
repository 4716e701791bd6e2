"""Where the browser stories play: pages that are watched, and Rekey behind them.

`rekey`    all of it as people run it: `manage.py up` in an environment of its own
`at_home`  the pages alone, served from this process, with a worker in a thread beside them
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect

from fleet.local.family import die_with_parent
from tests.plugins.both_databases import SECOND
from tests.plugins.browser import running_chromium
from tests.services import free_port

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "tests" / "output"
UP, UP_SECONDS = "Rekey runs at", 180.0
PATIENCE = 15_000  # ms for a page to become what is expected of it
DUE = 0.25  # seconds between two looks at what was put off
expect.set_options(timeout=PATIENCE)
WIDTHS = (1280, 390)
SCHEMES = ("light", "dark")


class Watched:
    """A browser's window whose errors fail the test: scripts that break, and the strict CSP."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.page = context.new_page()
        self.troubles: list[str] = []
        context.on("page", self._watch)
        self._watch(self.page)

    def _watch(self, page: Page) -> None:
        page.on("pageerror", lambda error: self.troubles.append(str(error)))
        page.on("console", lambda said: self._listen(said.text))

    def _listen(self, said: str) -> None:
        if "Content Security Policy" in said:
            self.troubles.append(said)

    def shots(self, name: str) -> None:
        """Keep how the page looks, wide and narrow, one of them light and the other dark; then go
        back to how it was. On the other database it looks the same, and nothing is kept.
        """
        OUTPUT.mkdir(exist_ok=True)
        before = self.page.viewport_size
        schemes = SCHEMES if len(name) % 2 else SCHEMES[::-1]
        for width, scheme in zip(WIDTHS, schemes, strict=True):
            self.page.set_viewport_size({"width": width, "height": 900})
            if SECOND not in os.environ:
                self.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
                path = OUTPUT / f"{name}-{width}-{scheme}.png"
                self.page.screenshot(path=path, full_page=True, animations="disabled")
            assert not self.sideways(), f"{name} scrolls sideways at {width} px"
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(before or {"width": 1280, "height": 900})

    def sideways(self) -> bool:
        """Whether the page is wider than its window."""
        wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        return bool(self.page.evaluate(wider))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The pages are asked for on both databases by the tests of each app; what a browser makes of
    them is the same. The main job is done on both, with all that belongs to it.
    """
    for item in items:
        if Path(__file__).parent in item.path.parents and item.path.name != "test_main_job.py":
            item.add_marker(pytest.mark.one_database)


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    """One for all stories, as it takes seconds to start."""
    with running_chromium() as browser:
        yield browser


BROKE_OFF = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[Any]:
    report = yield
    item.stash[BROKE_OFF] = item.stash.get(BROKE_OFF, False) or report.failed
    return report


@pytest.fixture
def window(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Watched]]:
    """Opens windows: `window(base_url=...)`, each with cookies of its own.

    Where a story broke off, the last thing seen in each is kept.
    """
    opened: list[Watched] = []

    def open_one(**options: Any) -> Watched:
        options.setdefault("viewport", {"width": 1280, "height": 900})
        watched = Watched(chromium.new_context(**options))
        watched.page.set_default_timeout(PATIENCE)
        opened.append(watched)
        return watched

    yield open_one
    OUTPUT.mkdir(exist_ok=True)
    for number, watched in enumerate(opened):
        if request.node.stash[BROKE_OFF]:
            watched.page.screenshot(path=OUTPUT / f"last-{request.node.name}-{number}.png")
        watched.context.close()
    troubles = [trouble for watched in opened for trouble in watched.troubles]
    assert not troubles, troubles


# --- all of it ------------------------------------------------------------------------------------


@dataclass
class Rekey:
    """A running `manage.py up`, and the environment that it was started in."""

    url: str
    inbox: str
    var: Path
    environment: dict[str, str]

    @property
    def passwords(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.var / "demo.json").read_text())["passwords"]
        return found


@pytest.fixture
def rekey(environment: dict[str, str]) -> Iterator[Rekey]:
    """The README's command, on free ports. Ends when `up` has stopped all that it started."""
    names = ("WEB", "SMTP", "INBOX", "CONTROL")
    ports = {f"REKEY_{name}_PORT": str(free_port()) for name in names}
    # One stretch for all devices; whoever takes the 14 ports after it meanwhile is unlucky.
    ports["REKEY_FLEET_PORT"] = str(free_stretch(14))
    running = subprocess.Popen(
        [sys.executable, "manage.py", "up", "--workers", "1"],
        cwd=ROOT,
        env=environment | ports,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=partial(die_with_parent, os.getpid()),
    )
    said: list[str] = []
    up = threading.Event()
    listener = threading.Thread(target=_listen, args=(running, said, up), daemon=True)
    listener.start()
    try:
        up.wait(UP_SECONDS)
        assert said, "nothing was said at all"
        assert said[-1].startswith(UP), "".join(said)
        yield Rekey(
            f"http://127.0.0.1:{ports['REKEY_WEB_PORT']}",
            f"http://127.0.0.1:{ports['REKEY_INBOX_PORT']}",
            Path(environment["REKEY_VAR"]),
            environment,
        )
    finally:
        running.send_signal(signal.SIGINT)
        try:
            running.wait(60)
        except subprocess.TimeoutExpired:
            running.kill()
            raise
        listener.join(5)


def _listen(running: subprocess.Popen[str], said: list[str], up: threading.Event) -> None:
    assert running.stdout is not None
    for line in running.stdout:
        said.append(line)
        if line.startswith(UP):
            up.set()
    up.set()  # it has ended


def free_stretch(length: int) -> int:
    """The first of so many ports in a row that were free a moment ago."""
    import socket

    while True:
        first = free_port()
        taken = []
        try:
            for port in range(first, first + length):
                probe = socket.socket()
                taken.append(probe)
                probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            continue
        else:
            return first
        finally:
            for probe in taken:
                probe.close()


# --- the pages alone ------------------------------------------------------------------------------


class Worker:
    """Does a worker's work in a thread, as soon as there is some. Stop it to let work pile up."""

    def __init__(self) -> None:
        self._stop, self._woken = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(30)

    def wake(self, *_: Any, **__: Any) -> bool:
        """In the broker's place: somebody has committed what may be work."""
        self._woken.set()
        return True

    def _run(self) -> None:
        from django.db import connection

        from fleet.eventstore import subscriptions

        try:
            while not self._stop.is_set():
                subscriptions.pump()
                for job in subscriptions.due_jobs():
                    subscriptions.run(job)
                self._woken.wait(DUE)
                self._woken.clear()
        finally:
            connection.close()


@pytest.fixture
def worker(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    running = Worker()
    monkeypatch.setattr("fleet.eventstore.tasks.wake", running.wake)
    running.start()
    yield running
    running.stop()


@dataclass
class AtHome:
    """The pages, served from this process."""

    url: str
    window: Callable[..., Watched]

    def sign_in(self, person: Any, **options: Any) -> Watched:
        """A window in which this person is signed in."""
        client = Client()
        client.force_login(person)
        watched = self.window(base_url=self.url, **options)
        name = django_settings.SESSION_COOKIE_NAME
        cookie = {"name": name, "value": client.cookies[name].value, "url": self.url}
        watched.context.add_cookies([cookie])  # type: ignore[list-item]
        return watched


@pytest.fixture
def at_home(live_server: Any, worker: Worker, window: Callable[..., Watched]) -> AtHome:
    return AtHome(live_server.url, window)
