"""The log names what was asked for, and nothing that could be used."""

from __future__ import annotations

import pytest
from django.test import Client

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


def test_no_query_and_no_key_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    client = Client(headers={"Host": "localhost", "X-Forwarded-For": "203.0.113.66"})
    client.get("/account/login/?next=/secret-place/")
    client.get("/account/password/reset/key/1a-c0ffee-5ec8e7/")
    # Django's own line of a refusal names the path: of a key that opens nothing.
    told = "\n".join(r.getMessage() for r in caplog.records if r.name != "django.request")
    assert "GET /account/login/" in told
    assert "GET /account/password/reset/key/…" in told
    for secret in ("secret-place", "5ec8e7", "203.0.113.66"):
        assert secret not in told
    assert "127.0.0.1" in told
