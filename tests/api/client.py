"""What integrators do: HTTP calls with a token and JSON, and nothing else."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpResponse
from django.test import Client

from fleet.accounts import tokens
from fleet.accounts.access import actor_of
from fleet.accounts.models import Person
from fleet.accounts.state import Role
from fleet.eventstore.messages import By

ROOT = "/api/v1/"


class Api:
    """A client with a token. Addresses are under /api/v1/, or whole ones that an answer gave."""

    def __init__(self, token: str = "") -> None:
        self.token = token
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.client = Client(
            headers={"Host": "localhost", **headers}, raise_request_exception=False
        )

    def get(self, address: str, **query: Any) -> HttpResponse:
        return self.client.get(_whole(address), query or None)

    def post(self, address: str, body: Any = None, **headers: str) -> HttpResponse:
        sent = b"" if body is None else json.dumps(body)
        return self.client.post(
            _whole(address), sent, content_type="application/json", headers=headers
        )

    def all(self, address: str, **query: Any) -> list[dict[str, Any]]:
        """Every row of a list, by following `next`."""
        rows, next_page = [], address
        while next_page:
            answer = self.get(next_page, **(query if next_page == address else {}))
            assert answer.status_code == 200, answer.content
            rows += answer.json()["results"]
            next_page = answer.json()["next"]
        return rows


def api_of(person: Person, role: Role = Role.ADMINISTRATOR) -> Api:
    """The API as somebody, by a token for where their first role is."""
    actor = actor_of(person)
    where = actor.grants[0]
    by = By(actor, source="127.0.0.1")
    return Api(tokens.issue(where.organisation, "tests", role, 30, by, where.site))


def _whole(address: str) -> str:
    return address if address.startswith("/") else ROOT + address
