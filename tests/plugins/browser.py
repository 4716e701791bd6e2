"""A real Chromium, the machine's own; Playwright downloads none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# The shell is the same engine without the windows around it, at a third of the work.
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A running browser. Make a context per test: `chromium.new_context(base_url=...)`.

    Skips where there is no Chromium, unless REKEY_REQUIRE_BROWSER=1, then it fails.
    Per module, not per session: while it runs, its event loop is this thread's, and
    `asyncio.run` in another test would be refused.
    """
    with running_chromium() as browser:
        yield browser


@contextmanager
def running_chromium() -> Iterator[Browser]:
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        missing = "there is no Chromium on this machine (Debian: apt-get install chromium)"
        if os.environ.get("REKEY_REQUIRE_BROWSER") == "1":
            pytest.fail(missing)
        pytest.skip(missing)

    from playwright.sync_api import sync_playwright

    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # the ORM beside that event loop is meant
    options = ["--renderer-process-limit=1"]  # none in reserve: each costs 0.2 s, for every window
    options += ["--no-sandbox"] if os.geteuid() == 0 else []
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=options)
            yield browser
            browser.close()
    finally:
        if before is None:
            del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]
        else:
            os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = before
