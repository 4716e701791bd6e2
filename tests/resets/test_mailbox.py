"""A mailbox is shown so that its owner knows it and nobody else learns it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resets.state import masked


@pytest.mark.parametrize(
    ("mailbox", "shown"),
    [
        ("owner@example.com", "o•••r@e•••e.com"),
        ("jo@example.com", "j•••@e•••e.com"),
        ("j@example.com", "j•••@e•••e.com"),
        ("owner@mail.example.co.uk", "o•••r@m•••o.uk"),
        ("owner@localhost", "o•••r@l•••t"),
        ("o.wn-er+x@x.se", "o•••x@x•••.se"),
        ("Ωmega@example.com", "Ω•••a@e•••e.com"),
        ("", "•••@•••"),
    ],
)
def test_a_mailbox_is_shown_by_its_ends(mailbox: str, shown: str) -> None:
    assert masked(mailbox) == shown


PART = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=3, max_size=20)


@given(PART, PART)
def test_the_middle_of_a_mailbox_never_shows(name: str, host: str) -> None:
    shown = masked(f"{name}@{host}.com")
    assert shown == f"{name[0]}•••{name[-1]}@{host[0]}•••{host[-1]}.com"
    assert len(shown) == len("x•••x@x•••x.com")  # nor how long it is
