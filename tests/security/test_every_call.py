"""Every call of the API, with everybody who may come to it. The list of calls is the resolver's: a
call that nobody thought about here fails the test.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from copy import deepcopy
from dataclasses import MISSING
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from pyrage import x25519

from fleet.accounts.access import actor_of
from fleet.accounts.state import Role
from fleet.accounts.steps.grant_role import GrantRole
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import asked_fields
from fleet.eventstore.store import read_stream
from resets.campaigns.queries import item_steps
from resets.campaigns.queries import steps as campaign_steps
from resets.queries import steps
from resets.readiness.queries import steps as drill_steps
from resets.schedules.queries import steps as schedule_steps
from tests.api.client import api_of
from tests.cast import person
from tests.security.addresses import Address, addresses
from tests.security.rules import ANYBODY, HIDDEN, ORGANISATION, OWN, PEOPLE, PROPOSER, Rule
from tests.security.world import A_LIST, A_SCHEDULE, NETWORK, Place, World, world

pytestmark = pytest.mark.django_db
# Who may do what is decided by the same code on any database. That every call works on both is
# seen where everybody comes to it, at one site.
once = pytest.mark.one_database

# The least role for each call.
LEAST: dict[str, dict[str, Role | Rule]] = {
    "schema": {"GET": ANYBODY},
    "docs": {"GET": ANYBODY},
    "api-me": {"GET": Role.VIEWER},
    "api-tokens": {"GET": Role.VIEWER, "POST": PEOPLE},
    "api-token": {"GET": OWN},
    "api-token-revoke": {"POST": OWN},
    "api-roles": {"GET": Role.VIEWER, "POST": Role.ADMINISTRATOR},
    "api-role": {"GET": HIDDEN},
    "api-role-revoke": {"POST": HIDDEN},
    "api-sites": {"GET": Role.VIEWER, "POST": ORGANISATION},
    "api-site": {"GET": Role.VIEWER},
    "api-site-networks": {"POST": Role.ADMINISTRATOR},
    "api-site-close": {"POST": Role.ADMINISTRATOR},
    "api-scans": {"GET": Role.VIEWER, "POST": Role.OPERATOR},
    "api-scan": {"GET": Role.VIEWER},
    "api-scan-stop-scan": {"POST": Role.OPERATOR},
    "api-discovered-list": {"GET": Role.VIEWER},
    "api-discovered": {"GET": Role.VIEWER},
    "api-discovered-add": {"POST": Role.OPERATOR},
    "api-discovered-activate": {"POST": Role.OPERATOR},
    "api-discovered-follow": {"POST": Role.OPERATOR},
    "api-discovered-ignore-discovered": {"POST": Role.OPERATOR},
    "api-discovered-heed-discovered": {"POST": Role.OPERATOR},
    "api-devices": {"GET": Role.VIEWER, "POST": Role.OPERATOR},
    "api-device": {"GET": Role.VIEWER},
    "api-device-check": {"POST": Role.TECHNICIAN},
    "api-devices-activate": {"POST": Role.OPERATOR},
    "api-devices-check": {"POST": Role.TECHNICIAN},
    "api-devices-move": {"POST": Role.OPERATOR},
    "api-devices-remove": {"POST": Role.OPERATOR},
    "api-device-change-device": {"POST": Role.OPERATOR},
    "api-device-place-on-channel": {"POST": Role.OPERATOR},
    "api-device-move-device": {"POST": Role.OPERATOR},
    "api-device-replace-device": {"POST": Role.OPERATOR},
    "api-device-give-password": {"POST": Role.OPERATOR},
    "api-device-try-history": {"POST": Role.TECHNICIAN},
    "api-device-accept-certificate": {"POST": Role.OPERATOR},
    "api-device-remove-device": {"POST": Role.OPERATOR},
    "api-device-reveal": {"POST": Role.ADMINISTRATOR},
    "api-imports": {"GET": Role.VIEWER, "POST": Role.OPERATOR},
    "api-import": {"GET": OWN},
    "api-import-apply": {"POST": OWN},
    "api-import-discard": {"POST": OWN},
    "api-devices-export": {"GET": Role.VIEWER},
    "api-device-resets": {"POST": Role.TECHNICIAN},
    "api-resets": {"GET": Role.VIEWER},
    "api-approvals": {"GET": Role.VIEWER},
    "api-site-code-rules": {"GET": Role.VIEWER, "POST": Role.ADMINISTRATOR},
    "api-site-approval-rules": {"GET": Role.VIEWER, "POST": Role.ADMINISTRATOR},
    "api-reset": {"GET": Role.VIEWER},
    "api-reset-order": {"GET": Role.TECHNICIAN},
    # A new step brings its call with it, and asks for the role that its command names.
    **{f"api-reset-{slug}": {"POST": Role(step.by)} for slug, step in steps().items()},
    "api-deliveries": {"GET": Role.VIEWER},
    "api-test-mails": {"GET": Role.VIEWER, "POST": Role.ADMINISTRATOR},
    "api-test-mail": {"GET": Role.VIEWER},
    "api-device-test-mail": {"POST": Role.TECHNICIAN},
    "api-limits": {"GET": Role.VIEWER, "POST": Role.ADMINISTRATOR},
    "api-limits-preview": {"POST": Role.ADMINISTRATOR},
    "api-refusals": {"GET": Role.VIEWER},
    "api-alarms": {"GET": Role.VIEWER},
    "api-alarm": {"GET": Role.VIEWER},
    "api-alarm-close": {"POST": Role.ADMINISTRATOR},
    "api-device-budget": {"GET": Role.VIEWER},
    "api-campaigns": {"GET": Role.VIEWER, "POST": Role.ADMINISTRATOR},
    "api-campaign": {"GET": Role.VIEWER},
    "api-campaign-items": {"GET": Role.VIEWER},
    "api-campaign-item": {"GET": Role.VIEWER},
    "api-campaign-retry-failed": {"POST": Role.ADMINISTRATOR},
    **{f"api-campaign-{slug}": {"POST": Role(s.by)} for slug, s in campaign_steps().items()},
    **{f"api-campaign-item-{slug}": {"POST": Role(s.by)} for slug, s in item_steps().items()},
    "api-campaign-codes": {"GET": Role.VIEWER},
    "api-campaign-report": {"GET": Role.VIEWER},
    "api-campaign-hand-over": {"POST": Role.ADMINISTRATOR},
    "api-hand-over": {"POST": Role.ADMINISTRATOR},
    "api-campaign-mailbox": {"GET": Role.VIEWER},
    "api-campaign-code-send": {"POST": Role.TECHNICIAN},
    "api-campaign-code-enter": {"POST": Role.TECHNICIAN},
    "api-readiness": {"GET": Role.VIEWER},
    "api-readiness-export": {"GET": Role.VIEWER},
    "api-device-readiness": {"GET": Role.VIEWER},
    "api-drills": {"GET": Role.VIEWER},
    "api-drill": {"GET": Role.VIEWER},
    "api-device-drills": {"POST": Role.TECHNICIAN},
    **{f"api-drill-{slug}": {"POST": Role(step.by)} for slug, step in drill_steps().items()},
    "api-mailboxes": {"GET": Role.VIEWER},
    "api-mailbox": {"GET": Role.VIEWER},
    "api-device-mailboxes": {"POST": Role.TECHNICIAN},
    "api-mailbox-approve-mailbox": {"POST": Role.ADMINISTRATOR},
    "api-mailbox-decline-mailbox": {"POST": Role.ADMINISTRATOR},
    "api-mailbox-withdraw-mailbox": {"POST": PROPOSER},
    "api-schedules": {"GET": Role.VIEWER, "POST": Role.ADMINISTRATOR},
    "api-schedule": {"GET": Role.VIEWER},
    **{f"api-schedule-{slug}": {"POST": Role(step.by)} for slug, step in schedule_steps().items()},
    "api-events": {"GET": Role.VIEWER},
    "api-jobs": {"GET": Role.VIEWER},
    "api-job-retry": {"POST": HIDDEN},
}

A_KEY = str(x25519.Identity.generate().to_public())

BODIES: dict[str, Callable[[World, Place], dict[str, Any]]] = {
    "api-campaigns": lambda w, at: {
        "place": str(at.site),
        "kind": "reset",
        "name": "Another",
        "reason": "A test",
        "ends_at": (datetime.now(UTC) + timedelta(days=2)).isoformat(),
    },
    "api-campaign-approve-campaign": lambda w, at: {"digest": "0" * 64},
    "api-campaign-decline-campaign": lambda w, at: {"reason": "A test"},
    "api-campaign-code-enter": lambda w, at: {"code": "12345678"},
    "api-campaign-hand-over": lambda w, at: {"reason": "A test", "keys": [A_KEY]},
    "api-hand-over": lambda w, at: {
        "devices": [str(at.other)],
        "reason": "A test",
        "keys": [A_KEY],
    },
    "api-tokens": lambda w, at: {"name": "x", "organisation": str(w.who.organisation)},
    "api-roles": lambda w, at: {
        "email": "new@example.com",
        "name": "Nora",
        "role": "viewer",
        "organisation": str(w.who.organisation),
        "site": str(at.site),
    },
    "api-role-revoke": lambda w, at: {"reason": "A test"},
    "api-sites": lambda w, at: {"name": "Quarry", "organisation": str(w.who.organisation)},
    "api-devices": lambda w, at: {
        "site": str(at.site),
        "kind": "camera",
        "name": "Another",
        "host": "203.0.113.77",
        "port": 80,
        "username": "admin",
        "password": "correct-horse-2",
    },
    "api-site-networks": lambda w, at: {"networks": NETWORK},
    "api-site-close": lambda w, at: {"reason": "Sold"},
    "api-scans": lambda w, at: {"site": str(at.site), "network": NETWORK},
    "api-discovered-add": lambda w, at: {
        "discovered": [str(at.found)],
        "password": "correct-horse-2",
    },
    "api-discovered-activate": lambda w, at: {
        "discovered": [str(at.found)],
        "reset_email": "owner@example.com",
    },
    "api-devices-activate": lambda w, at: {
        "site": str(at.site),
        "kind": "camera",
        "name": "Another",
        "host": "203.0.113.78",
        "port": 80,
        "reset_email": "owner@example.com",
    },
    "api-devices-check": lambda w, at: {"devices": [str(at.other)]},
    "api-devices-move": lambda w, at: {"devices": [str(at.other)], "site": str(at.site)},
    "api-devices-remove": lambda w, at: {"devices": [str(at.other)], "reason": "A test"},
    "api-device-change-device": lambda w, at: {"port": 8080},
    "api-device-move-device": lambda w, at: {"site": str(at.site)},
    "api-device-give-password": lambda w, at: {"password": "correct-horse-3"},
    "api-device-replace-device": lambda w, at: {
        "host": "203.0.113.79",
        "port": 80,
        "username": "admin",
        "password": "correct-horse-2",
    },
    "api-device-accept-certificate": lambda w, at: {
        "certificate": "ab" * 32,
        "reason": "A test",
    },
    "api-device-remove-device": lambda w, at: {"reason": "A test"},
    "api-device-reveal": lambda w, at: {"reason": "A test"},
    "api-imports": lambda w, at: {
        "site": str(at.site),
        "file": "list.csv",
        "content": b64encode(A_LIST.encode()).decode(),
    },
    "api-device-resets": lambda w, at: {"reason": "A test"},
    "api-test-mails": lambda w, at: {"site": str(at.site), "reset_email": "a@example.net"},
    "api-device-mailboxes": lambda w, at: {"reset_email": "a@example.net", "reason": "A test"},
    "api-limits": lambda w, at: {"limits": None},
    "api-limits-preview": lambda w, at: {"limits": []},
    "api-alarm-close": lambda w, at: {"reason": "A test"},
    "api-drill-enter-drill-code": lambda w, at: {"code": "1234"},
    "api-schedules": lambda w, at: {"place": str(at.site), **A_SCHEDULE},
    "api-schedule-approve-schedule": lambda w, at: {"digest": "0" * 64},
    "api-schedule-change-schedule": lambda w, at: A_SCHEDULE,
    "api-mailbox-approve-mailbox": lambda w, at: {"digest": "0" * 64},
    "api-mailbox-decline-mailbox": lambda w, at: {"reason": "A test"},
    **{
        f"api-reset-{slug}": lambda w, at, step=step: {
            name: "1234 5678"
            for name, (_, field) in asked_fields(step).items()
            if field.default is MISSING
        }
        for slug, step in steps().items()
    },
    "api-reset-tick-off": lambda w, at: {"item": "time"},
}

ROLE_HERE = {
    "bob": Role.VIEWER,
    "tess": Role.TECHNICIAN,
    "olga": Role.OPERATOR,
    "vera": Role.VIEWER,
    "alice as a viewer": Role.VIEWER,
    "alice": Role.ADMINISTRATOR,
}
ROLE_THERE = {
    "vera": Role.VIEWER,
    "alice as a viewer": Role.VIEWER,
    "alice at the other site": Role.ADMINISTRATOR,
    "alice": Role.ADMINISTRATOR,
}
SITE_ONLY = ("bob", "tess", "olga", "alice at the other site")
LOCKED_OUT = ("nobody", "expired", "revoked", "forged")
CALLS = [a for a in addresses("api/") if a.name]


@pytest.fixture(scope="module")
def made(module_db: None) -> World:
    return world()


@pytest.fixture
def w(made: World, db: None) -> World:
    return deepcopy(made)


def test_every_call_is_thought_of() -> None:
    assert {a.name: a.methods for a in CALLS} == {
        name: list(methods) for name, methods in LEAST.items()
    }
    assert [a.route for a in addresses("api/") if not a.name] == []


# What is not done to a device while it is being reset.
WITHOUT_A_RESET = (
    "api-device-resets",
    "api-device-replace-device",
    "api-device-give-password",
    "api-device-remove-device",
)


def ids_of(address: Address, w: World, at: Place) -> dict[str, UUID]:
    device = at.other if address.name in WITHOUT_A_RESET else at.device
    known = {
        "site_id": at.site,
        "device_id": device,
        "reset_id": at.reset,
        "token_id": w.token,
        "job_id": at.parked,
        "role_id": at.role,
        "scan_id": at.scan,
        "discovered_id": at.found,
        "test_mail_id": at.test_mail,
        "alarm_id": at.alarm,
        "drill_id": at.drill,
        "campaign_id": at.campaign,
        "item_id": at.item,
        "schedule_id": at.schedule,
        "codes_id": at.codes,
        "place": at.site,
        "change_id": at.own_change if LEAST[address.name].get("POST") is PROPOSER else at.change,
    }
    if "import_id" in address.ids:
        known["import_id"] = w.an_import(at, token=True)
    return {name: known[name] for name in address.ids}


def ask(w: World, name: str, address: Address, method: str, at: Place, **ids: UUID) -> Any:
    url = address.url(**(ids_of(address, w, at) | ids))
    body = BODIES.get(address.name, lambda w, at: None)(w, at)
    api = w.api(name)
    return api.get(url) if method == "GET" else api.post(url, body)


def each_call() -> list[Any]:
    return [pytest.param(a, m, id=f"{m} {a.name}") for a in CALLS for m in a.methods]


@once
@pytest.mark.parametrize(("address", "method"), each_call())
def test_a_call_without_a_good_token_is_turned_away(
    w: World, address: Address, method: str
) -> None:
    for name in LOCKED_OUT:
        answer = ask(w, name, address, method, w.here)
        if LEAST[address.name][method] is not ANYBODY:
            assert answer.status_code == 401, (name, answer.content)
            assert answer["WWW-Authenticate"].startswith("Bearer")
            assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("place", ["here", pytest.param("there", marks=once)])
@pytest.mark.parametrize(("address", "method"), each_call())
def test_who_may_call_it(w: World, address: Address, method: str, place: str) -> None:
    least = LEAST[address.name][method]
    at, roles = (w.here, ROLE_HERE) if place == "here" else (w.there, ROLE_THERE)
    for name, role in roles.items():  # the mightiest last: it may be gone once she was there
        answer = ask(w, name, address, method, at)
        assert refusal(least, name, role, answer.status_code) is None, (name, answer.content)
        if answer.status_code == 403 and least not in (OWN, PROPOSER, PEOPLE):
            assert answer.json()["code"] == "role_too_low"


def refusal(least: Role | Rule, name: str, role: Role, status: int) -> str | None:
    """What is wrong with this answer to somebody of this role, or None."""
    through = status not in (400, 401, 403, 404, 405, 406, 413, 415, 500)
    if least is ANYBODY:
        right = status == 200
    elif least is PEOPLE:
        right = status in (403, 404)
    elif least is OWN:
        right = through if name == "alice" else status in (403, 404)
    elif least is PROPOSER:
        own = name.startswith("alice") and role.rank >= Role.TECHNICIAN.rank
        right = through if own else status == 403
    elif least is HIDDEN:
        right = status == 404 if role is not Role.ADMINISTRATOR else status in (200, 202, 404)
    elif least is ORGANISATION:
        right = through if name == "alice" else status == (404 if name in SITE_ONLY else 403)
    else:
        right = through if role.rank >= least.rank else status == 403
    return None if right else f"{least} answered {status} to {name}, {role}"


@once
@pytest.mark.parametrize(("address", "method"), each_call())
def test_an_outsider_meets_nothing(w: World, address: Address, method: str) -> None:
    if LEAST[address.name][method] is ANYBODY:
        return
    for name, at in (
        ("charlie", w.here),
        ("bob", w.there),
        ("tess", w.there),
        ("olga", w.there),
        ("alice at the other site", w.here),
    ):
        answer = ask(w, name, address, method, at)
        if address.ids:
            unknown = {i: uuid4() for i in address.ids}
            same = ask(w, name, address, method, at, **unknown)
            assert (answer.status_code, answer.content) == (same.status_code, same.content), name
            assert answer.status_code == 404
        elif method == "POST" and name == "charlie":
            assert answer.status_code in (403, 404), answer.content
        content = b"".join(answer) if answer.streaming else answer.content
        assert_tells_nothing(at, content.decode())


def assert_tells_nothing(at: Place, text: str) -> None:
    for secret in at.ids:
        assert str(secret) not in text
    assert at.secret not in text


def test_lists_of_an_outsider_are_of_their_own_things_alone(w: World) -> None:
    charlie = w.api("charlie")
    assert [site["name"] for site in charlie.all("sites/")] == ["Island"]
    ours = ("resets/", "jobs/", "scans/", "discovered/", "mailboxes/", "test-mails/", "deliveries/")
    for name in ("devices/", *ours):
        assert charlie.all(name) == []
    assert [role["name"] for role in charlie.all("roles/")] == ["Charlie"]
    ours = {str(w.who.organisation)}
    assert not ours & {event["organisation"] for event in charlie.all("events/")}
    for address in ("devices/", "resets/", "scans/", "discovered/"):
        assert charlie.all(address, site=str(w.here.site)) == []
    for given in (
        {"device": w.here.device},
        {"stream": w.here.reset},
        {"correlation": w.here.reset},
    ):
        assert charlie.all("events/", **{n: str(v) for n, v in given.items()}) == []


LISTS = [
    "events/", "devices/", "resets/", "sites/", "tokens/", "scans/", "discovered/", "mailboxes/",
    "test-mails/",
]  # fmt: skip


@pytest.mark.parametrize("address", LISTS)
def test_a_cursor_of_somebody_elses_is_as_good_as_none(w: World, address: str) -> None:
    alice, charlie = w.api("alice"), w.api("charlie")
    theirs = alice.get(address, limit=1).json()["results"][0]["id"]
    answers = [charlie.get(address, cursor=str(c)) for c in (theirs, uuid4())]
    assert {a.status_code for a in answers} == {400}
    assert answers[0].content == answers[1].content


def test_parked_jobs_are_shown_to_administrators_alone(w: World) -> None:
    for name in ("bob", "tess", "olga", "vera", "alice as a viewer", "charlie"):
        assert w.api(name).all("jobs/") == []
    assert len(w.api("alice").all("jobs/")) == 2
    assert [j["id"] for j in w.api("alice at the other site").all("jobs/")] == [str(w.there.parked)]


def test_a_role_at_somebody_elses_site_opens_nothing(w: World) -> None:
    """An administrator may write any site's id into a grant; it is good at home only."""
    charlie = w.people["charlie"]
    theirs = actor_of(charlie).grants[0].organisation
    mallory = person("Mallory", theirs, Role.ADMINISTRATOR, w.here.site)
    grant = GrantRole(charlie.id, "Charlie", Role.ADMINISTRATOR, theirs, w.here.site)
    handle(grant, new_id(), w.who.by(charlie))
    before = len(read_stream(w.here.device))
    for api in (api_of(mallory), api_of(charlie)):
        for address in ("devices/", "resets/", "jobs/", "scans/", "discovered/"):
            assert api.all(address) == []
        assert str(w.who.organisation) not in str(api.all("events/"))
        assert api.get(f"devices/{w.here.device}/").status_code == 404
        assert api.post(f"devices/{w.here.device}/check/").status_code == 404
    assert len(read_stream(w.here.device)) == before


def test_who_may_only_look_takes_no_step() -> None:
    assert all(Role(step.by).rank >= Role.TECHNICIAN.rank for step in steps().values())


def test_an_administrator_retries_a_parked_job(w: World) -> None:
    retried = w.api("alice").post(f"jobs/{w.here.parked}/retry/")
    assert (retried.status_code, retried.json()["id"]) == (202, str(w.here.parked))
    assert len(w.api("alice").all("jobs/")) == 1


def test_roles_are_shown_to_administrators_alone(w: World) -> None:
    for name in ("bob", "tess", "olga", "vera", "alice as a viewer"):
        assert w.api(name).all("roles/") == []
    assert {r["id"] for r in w.api("alice").all("roles/")} > {str(w.here.role), str(w.there.role)}
    at_one_site = w.api("alice at the other site").all("roles/")
    assert str(w.there.role) in {role["id"] for role in at_one_site}
    assert {role["site"] for role in at_one_site} == {str(w.there.site)}
