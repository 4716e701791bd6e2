"""What the tests of campaigns have in common: who agrees, some cameras, and a clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import time_machine

if TYPE_CHECKING:  # Django is not set up yet
    from uuid import UUID

    from fleet.accounts.models import Person
    from tests.cast import Cast


@pytest.fixture
def ada(who: Cast) -> Person:
    from tests.resets.campaigns import ground

    return ground.second(who)


@pytest.fixture
def cameras(who: Cast) -> list[UUID]:
    """Two that a reset could reach, and one without a mailbox."""
    from tests.fleet.eventstore.ground import device

    names = (("Gate north", "owner@example.com"), ("Gate south", "owner@example.com"), ("Yard", ""))
    return [device(who, name=name, reset_email=mailbox) for name, mailbox in names]


@pytest.fixture
def clock() -> Iterator[Any]:
    """A clock that stands still until the test moves it."""
    from django.utils import timezone

    with time_machine.travel(timezone.now(), tick=False) as travelling:
        yield travelling
