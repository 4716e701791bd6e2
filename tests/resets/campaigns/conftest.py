"""Who agrees to the campaigns of Alice's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # Django is not set up yet
    from fleet.accounts.models import Person
    from tests.cast import Cast


@pytest.fixture
def ada(who: Cast) -> Person:
    from tests.resets.campaigns import ground

    return ground.second(who)
