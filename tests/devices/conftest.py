"""Browsers that somebody has signed in with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # Django is not set up yet
    from django.test import Client

    from tests.cast import Cast


@pytest.fixture
def pages(client: Client, who: Cast) -> Client:
    """Alice's browser."""
    client.force_login(who.alice)
    return client
