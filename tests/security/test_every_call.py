"""Every call of the API, with everybody who may come to it. The list of calls is the resolver's: a
call that nobody thought about here fails the test.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any
from uuid import UUID, uuid4

import pytest

from fleet.accounts.access import actor_of
from fleet.accounts.state import Role
from fleet.accounts.steps.grant_role import GrantRole
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.store import read_stream
from resets.queries import steps
from tests.api.client import api_of
from tests.cast import person
from tests.security.addresses import Address, addresses
from tests.security.calls import BODIES, LEAST
from tests.security.rules import ANYBODY, HIDDEN, ORGANISATION, OWN, PEOPLE, PROPOSER, Rule
from tests.security.world import Place, World, world

pytestmark = pytest.mark.django_db


# Who may do what is decided by the same code on any database. That every call works on both is
# seen where everybody comes to it, at one site.
once = pytest.mark.one_database

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
