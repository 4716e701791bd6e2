"""What the README names is there: each call, each test."""

from __future__ import annotations

import re
from pathlib import Path

from tests.security.addresses import addresses

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_every_call_that_it_names_is_answered() -> None:
    named = set(re.findall(r"`(GET|POST) ([a-z\-/{}]+)`", README))
    answered = {
        (method, re.sub(r"<[^>]*>", "{id}", a.route.removeprefix("api/v1/")))
        for a in addresses("api/")
        if a.name
        for method in a.methods
    }
    assert len(named) > 5
    assert named - answered == set()


def test_every_test_that_it_names_exists() -> None:
    named = re.findall(r"`((?:stories|resets|devices)/[a-z_/]+\.py)`", README)
    assert len(named) > 10
    assert [
        name for name in named if not any((ROOT / at / name).exists() for at in ("tests", ""))
    ] == []
