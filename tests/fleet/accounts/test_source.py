from __future__ import annotations

import pytest
from django.test import RequestFactory

from fleet.accounts.middleware import source_of


@pytest.mark.parametrize(
    ("peer", "forwarded", "source"),
    [
        ("198.51.100.7", "", "198.51.100.7"),
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),  # a stranger is not believed
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.66, 203.0.113.9", "203.0.113.9"),  # the client wrote the first
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),  # two proxies of ours
        ("10.0.0.1", "", "10.0.0.1"),
    ],
)
def test_only_our_own_proxies_say_who_asks(
    settings: object, peer: str, forwarded: str, source: str
) -> None:
    settings.REKEY_PROXIES = ["10.0.0.1", "10.0.0.2"]
    headers = {"HTTP_X_FORWARDED_FOR": forwarded} if forwarded else {}
    assert source_of(RequestFactory().get("/", REMOTE_ADDR=peer, **headers)) == source
