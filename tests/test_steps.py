"""What is true of every step, whoever adds it: it stands on its contents page, every "no" that it
says is tested, and the tests of steps stay so quick that everybody runs them.
"""

from __future__ import annotations

import ast
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from fleet.eventstore.testing import NOW, given
from resets.steps.verify_code import CodeVerified, VerifyCode
from tests.resets.steps.story import KEY, SENT, TESS_HERSELF, code

ROOT = Path(__file__).parent.parent
STEPS = {
    "fleet/accounts/steps": [ROOT / "tests/fleet/accounts"],
    "devices/steps": [ROOT / "tests/devices/steps"],
    "resets/steps": [ROOT / "tests/resets/steps"],
    "resets/campaigns/steps": [
        ROOT / "tests/resets/campaigns/steps",
        ROOT / "tests/resets/campaigns",
        ROOT / "tests/resets/schedules",
    ],
}


def modules(folder: str) -> Iterator[Path]:
    return (path for path in (ROOT / folder).glob("*.py") if path.stem != "__init__")


def refusals(folder: str) -> set[str]:
    """The code of every RekeyError that the steps raise or answer with."""
    found = set()
    for path in modules(folder):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("Refused", "Conflict", "Forbidden")
            ):
                assert isinstance(node.args[0], ast.Constant), f"{path}: a code is a constant"
                found.add(node.args[0].value)
    return found


@pytest.mark.parametrize("folder", STEPS)
def test_every_step_stands_on_its_contents_page(folder: str) -> None:
    package = folder.replace("/", ".")
    missing = [p.stem for p in modules(folder) if f"{package}.{p.stem}" not in sys.modules]
    assert not missing, f"add a line to {folder}/__init__.py for {missing}"


@pytest.mark.parametrize("folder", STEPS)
def test_every_refusal_of_a_step_is_tested(folder: str) -> None:
    texts = [path.read_text() for tests in STEPS[folder] for path in tests.glob("test_*.py")]
    tested = "\n".join(texts)
    assert refusals(folder)
    assert {code for code in refusals(folder) if f'"{code}"' not in tested} == set()


def test_a_thousand_steps_are_tested_in_a_second() -> None:
    """Nothing in a step waits for a database, a clock or a network."""
    right = code()
    began = time.process_time()  # its own: others may be at work on the machine
    for number in range(1000):
        at = NOW + timedelta(milliseconds=number)
        given(*SENT).knowing(KEY, TESS_HERSELF).at(at).when(VerifyCode(right)).then(CodeVerified())
    assert time.process_time() - began < 1
