"""The OpenAPI document matches what the API does."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import make_dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema
from hypothesis import HealthCheck, Phase, settings
from schemathesis.generation.feedback import FeedbackSources
from schemathesis.pytest._test_builder import build_operation_test
from schemathesis.python._constants.orchestrator import make_constants_value_source

from fleet.accounts.state import Role
from fleet.eventstore.messages import Command, asked
from fleet.wsgi import application
from resets.api import patterns_of
from resets.queries import steps
from tests.api.client import Api
from tests.plugins.both_databases import FIRST, SECOND
from tests.security.addresses import addresses
from tests.security.world import World, world

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def made(module_db: None) -> World:
    return world()


@pytest.fixture
def w(made: World, db: None) -> World:
    return deepcopy(made)


@pytest.fixture
def bare_application() -> Iterator[None]:
    """Keeps the test's transaction open when a response ends, as Django's own client does, and
    does not tell of hundreds of calls one by one.
    """
    logging.disable(logging.CRITICAL)
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    yield
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)
    logging.disable(logging.NOTSET)


def calls() -> set[tuple[str, str]]:
    """Path and method of every call that there is, as a document writes them."""
    return {
        ("/" + a.route.replace("<uuid:", "{").replace(">", "}"), method)
        for a in addresses("api/v1/")
        if a.name not in ("schema", "docs")
        for method in a.methods
    }


def described() -> dict[str, Any]:
    answer = Api().get("schema/")
    assert answer.status_code == 200
    return answer.json()


def test_every_call_is_in_the_document_and_nothing_else() -> None:
    document = described()
    assert document["openapi"].startswith("3.1")
    validate_schema(document)
    in_it = {(path, m.upper()) for path, item in document["paths"].items() for m in item}
    assert in_it == calls()
    names = [o["operationId"] for item in document["paths"].values() for o in item.values()]
    assert len(names) == len(set(names))
    assert all(o["summary"] for item in document["paths"].values() for o in item.values())


def test_every_name_in_the_document_means_one_thing() -> None:
    """Of two types of one name, only one would be described."""
    GENERATOR_STATS.reset()
    described()
    assert dict(GENERATOR_STATS._warn_cache) == dict(GENERATOR_STATS._error_cache) == {}


def test_every_step_has_its_path_and_asks_for_what_the_command_asks_for() -> None:
    document = described()
    for slug, command in steps().items():
        operation = document["paths"][f"/api/v1/resets/{{reset_id}}/{slug}/"]["post"]
        assert operation["description"] == command.about
    code = document["components"]["schemas"]["VerifyCode"]
    assert code["required"] == ["code"]
    assert code["properties"]["code"]["writeOnly"] is True
    assert code["properties"]["code"]["title"] == "Code from the email"
    assert code["additionalProperties"] is False


def test_nothing_that_is_not_in_the_document_may_be_sent_wherever_it_stands() -> None:
    """Else what somebody meant by it would be left out without a word."""
    document = described()
    sent = {
        content["schema"]["$ref"]
        for item in document["paths"].values()
        for operation in item.values()
        for content in operation.get("requestBody", {}).get("content", {}).values()
    }
    seen: set[str] = set()
    while sent:
        name = sent.pop()
        seen.add(name)
        schema = document["components"]["schemas"][name.rpartition("/")[2]]
        assert "properties" not in schema or schema["additionalProperties"] is False, name
        sent |= set(re.findall(r"#/components/schemas/\w+", str(schema))) - seen
    assert "#/components/schemas/OneLimit" in seen


def test_a_new_step_has_its_call_without_being_named_anywhere() -> None:
    fields = [
        ("days", int, asked("Days")),
        ("until", datetime | None, asked("Until", default=None)),
    ]
    told = {"slug": "postpone-reset", "about": "Put the reset off.", "by": Role.TECHNICIAN}
    PostponeReset = make_dataclass("PostponeReset", fields, bases=(Command,), namespace=told)

    [pattern] = patterns_of({"postpone-reset": PostponeReset})
    assert str(pattern.pattern) == "resets/<uuid:reset_id>/postpone-reset/"
    call = pattern.callback.cls.post.call
    assert call.about == "Put the reset off."
    assert call.body.read({"days": 3}) == {"days": 3, "until": None}


# --- calls made up from the document --------------------------------------------------------------

# What the document allows may still be refused by the rules of the domain, with a 422.
ACCEPTED = ["2xx", "401", "403", "404", "409", "422", "429"]
CONFIG = {
    "checks": {
        "positive_data_acceptance": {"expected-statuses": ACCEPTED},
        "ignored_auth": {"enabled": False},  # tests/security has four bad tokens for every call
    },
    # One after the other, every bound of every field; on the first database is enough, as the
    # fields are read before it is asked. What is made up at random is tried on the second, which is
    # the stricter.
    # Methods that a call does not have are tried by tests/security.
    "phases": {"coverage": {"enabled": SECOND not in os.environ, "unexpected-methods": []}},
}


@pytest.fixture(scope="module")
def document() -> Any:
    config = schemathesis.Config.from_dict(CONFIG)
    found = schemathesis.openapi.from_dict(described(), config=config)
    found.app = application
    return found


@pytest.fixture(scope="module")
def known(document: Any) -> FeedbackSources:
    """Values that stand in the code."""
    return FeedbackSources(constants_value_source=make_constants_value_source(document))


@pytest.mark.parametrize(("path", "method"), sorted(calls()))
def test_the_api_keeps_to_the_document(
    path: str, method: str, document: Any, known: Any, w: World, bare_application: None
) -> None:
    """Both what the document allows and what it does not: no error of the server's, and no status,
    type or field that is not documented.
    """

    # Of this case alone, as Hypothesis writes down all that it is given for each of them.
    def keeps_to_it(case: schemathesis.Case) -> None:
        keep_to_it(case, w)

    # By hand: `document.parametrize()` makes all cases up while tests are collected, 5 s of each
    # of the processes.
    test = build_operation_test(
        config=document.config,
        operation=document[path][method],
        test_func=keeps_to_it,
        explicit_settings=HOW,
        given_kwargs={},
        feedback=known,
    )
    test()


HOW = settings(
    max_examples=8,
    derandomize=True,
    phases=[Phase.explicit, *([] if FIRST in os.environ else [Phase.generate])],
    suppress_health_check=list(HealthCheck),
)


def keep_to_it(case: schemathesis.Case, w: World) -> None:
    if all(_is_uuid(value) for value in case.path_parameters.values()):
        here = {
            "site_id": w.here.site,
            "device_id": w.here.device,
            "reset_id": w.here.reset,
            "scan_id": w.here.scan,
            "discovered_id": w.here.found,
        }
        if "import_id" in case.path_parameters:
            here["import_id"] = w.an_import(w.here, token=True)
        case.path_parameters.update(
            {n: str(v) for n, v in here.items() if n in case.path_parameters}
        )
    if _is_uuid((case.query or {}).get("cursor")):
        del case.query["cursor"]  # only an answer's own cursor leads anywhere
    case.call_and_validate(
        headers={"Host": "localhost", "Authorization": f"Bearer {w.tokens['alice']}"}
    )


def _is_uuid(value: Any) -> bool:
    try:
        return bool(UUID(str(value)))
    except ValueError:
        return False
