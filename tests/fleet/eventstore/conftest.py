"""Reactions that are a test's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # Django is not set up yet
    from uuid import UUID

    from tests.cast import Cast


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No reactions but the test's own, and a broker that nobody has to run."""
    from fleet.eventstore import subscriptions, tasks

    monkeypatch.setattr(subscriptions, "REACTIONS", {})
    monkeypatch.setattr(tasks, "wake", lambda task, *arguments, urgent=False: True)


@pytest.fixture
def target(quiet: None, who: Cast) -> UUID:
    from tests.fleet.eventstore.ground import device

    return device(who)


@pytest.fixture
def at_hand(monkeypatch: pytest.MonkeyPatch, quiet: None) -> None:
    """A worker that does what it is woken for at once."""
    from fleet.eventstore import tasks

    monkeypatch.setattr(
        tasks, "wake", lambda task, *arguments, urgent=False: task.run(*arguments) or True
    )
