"""The recovery driver and a device of its protocol."""

import pytest

from devices.drivers import recovery
from tests.devices.recovery_bench import Bench


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench()
    monkeypatch.setattr(recovery, "request", made.request)
    return made


@pytest.fixture
def ready(bench: Bench) -> Bench:
    bench.activate()
    return bench
