"""Every page of the console, with everybody who may come to it. The list of pages is the
resolver's: a page that nobody thought about here fails the test.
"""

from __future__ import annotations

import re
from copy import copy, deepcopy
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client

from devices.deeds import steps as device_steps
from fleet.accounts.state import Role
from tests.security.addresses import Address, addresses
from tests.security.pages import FORMS, LEAST
from tests.security.rules import ADMINISTRATORS, ANYBODY, ORGANISATION, OWN
from tests.security.world import Place, World, world

pytestmark = pytest.mark.django_db


# Who may do what is decided by the same code on any database. That every page works on both is
# seen where everybody comes to it, at one site.
once = pytest.mark.one_database

# Alice last: what she has done may be gone for the others.
HERE = {
    "bob": Role.VIEWER,
    "vera": Role.VIEWER,
    "tess": Role.TECHNICIAN,
    "olga": Role.OPERATOR,
    "alice": Role.ADMINISTRATOR,
}
THERE = {"vera": Role.VIEWER, "alice": Role.ADMINISTRATOR}
THROUGH = (200, 201, 204, 302, 409)
# What they find has changed under the one before, or asks for more than a form of the tests says.
MAY_REFUSE = (
    "reset-step",
    "campaign-retry-failed",
    "close-site",
    "send-campaign-code",
    "send-test-mail",
    "bulk-move",
    "bulk-remove",
    *device_steps(),
)
PAGES = [a for a in addresses(but=("api/", "^api/")) if not a.name.startswith("account_")]


@pytest.fixture(scope="module")
def made(module_db: None) -> World:
    found = world()
    for name, person in found.people.items():
        client = Client()
        client.force_login(person)  # once for all of their visits
        found.cookies[name] = client.cookies
    return found


@pytest.fixture
def w(made: World, db: None) -> World:
    return deepcopy(made)


def test_every_page_is_thought_of() -> None:
    assert {a.name for a in PAGES} == set(LEAST)


def ask(w: World, name: str, address: Address, method: str, at: Place, **ids: UUID) -> Any:
    client = Client(headers={"Host": "localhost"})
    if name != "nobody":
        client.cookies = copy(w.cookies[name])
    url = address.url(**(known_ids(address, at, w) | ids))
    if method == "GET":
        return client.get(url)
    if method == "POST":
        return client.post(url, FORMS.get(address.name, lambda w, at: {})(w, at))
    return client.generic(method, url)


OF_AN_IMPORT = ("import", "import-live", "apply-import", "discard-import")


def known_ids(address: Address, at: Place, w: World) -> dict[str, Any]:
    if address.name in OF_AN_IMPORT:
        return {"pk": w.an_import(at)}
    if address.name == "qr-png":
        w.a_qr(at)
        return {"pk": at.reset}
    if address.name.endswith("discovered"):
        return {"pk": at.found}
    if address.name in ("scan", "scan-live", "stop-scan"):
        return {"pk": at.scan}
    if "codes" in address.ids:
        return {"pk": at.campaign, "codes": at.codes}
    return {
        "campaign-codes": {"pk": at.campaign},
        "site-networks": {"pk": at.site},
        "close-site": {"pk": at.site},
        "site": {"pk": at.site},
        "code-rules": {"pk": at.site},
        "approval-rules": {"pk": at.site},
        "password-rules": {"pk": at.site},
        "reset": {"pk": at.reset},
        "reset-live": {"pk": at.reset},
        "reset-order": {"pk": at.reset},
        "reset-step": {"pk": at.reset, "step": "send-code"},
        "reveal": {"pk": at.device, "username": "admin"},
        "request-reset": {"device": at.other},
        "no-code": {"pk": at.reset},
        "no-code-live": {"pk": at.reset},
        "test-mail": {"pk": at.test_mail},
        "test-mail-live": {"pk": at.test_mail},
        "limits": {"place": at.site},
        "alarm": {"pk": at.alarm},
        "drill": {"pk": at.drill},
        "drill-live": {"pk": at.drill},
        "drill-step": {"pk": at.drill, "step": "cancel-drill"},
        "mailbox": {"pk": at.change},
        "mailbox-live": {"pk": at.change},
        "mailbox-step": {"pk": at.change, "step": "decline-mailbox"},
        "revoke-token": {"pk": w.token},
        "revoke-role": {"pk": at.role},
        "trace": {"correlation": at.reset},
        "retry-job": {"parked": at.parked},
        "schedule": {"pk": at.schedule},
        "schedule-step": {"pk": at.schedule, "step": "end-schedule"},
        "campaign-plan": {"pk": at.campaign},
        "campaign-plan-live": {"pk": at.campaign},
        "campaign-plan-step": {"pk": at.campaign, "step": "decline-campaign"},
        "campaign": {"pk": at.campaign},
        "campaign-live": {"pk": at.campaign},
        "campaign-items": {"pk": at.campaign},
        "campaign-step": {"pk": at.campaign, "step": "pause-campaign"},
        "campaign-retry-failed": {"pk": at.campaign},
        "campaign-report": {"pk": at.campaign},
        "hand-over-campaign": {"pk": at.campaign},
        "campaign-item-step": {"pk": at.campaign, "item": at.item, "step": "take-out"},
    }.get(address.name, dict.fromkeys(address.ids, at.device))


def each_page() -> list[Any]:
    return [pytest.param(a, m, id=f"{m} {a.name}") for a in PAGES for m in LEAST[a.name]]


@once
@pytest.mark.parametrize("address", PAGES, ids=str)
def test_no_page_takes_another_method(w: World, address: Address) -> None:
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - set(LEAST[address.name]):
        assert ask(w, "alice", address, method, w.here).status_code == 405, method


@once
@pytest.mark.parametrize(("address", "method"), each_page())
def test_nobody_is_sent_to_sign_in(w: World, address: Address, method: str) -> None:
    answer = ask(w, "nobody", address, method, w.here)
    if LEAST[address.name][method] is ANYBODY:
        assert answer.status_code < 400
    else:
        assert answer.status_code == 302
        assert answer["Location"].startswith("/account/login/")


@pytest.mark.parametrize("place", ["here", pytest.param("there", marks=once)])
@pytest.mark.parametrize(("address", "method"), each_page())
def test_who_may_open_it(w: World, address: Address, method: str, place: str) -> None:
    least = LEAST[address.name][method]
    at, roles = (w.here, HERE) if place == "here" else (w.there, THERE)
    for name, role in roles.items():
        answer = ask(w, name, address, method, at)
        status = answer.status_code
        through = status in THROUGH and "/login/" not in answer.get("Location", "")
        if address.name in MAY_REFUSE:
            through |= status == 422
        if least is OWN:
            right = through if name == "alice" else status == 404
        elif least in (ADMINISTRATORS, ORGANISATION):
            right = through if role is Role.ADMINISTRATOR else status == 403
            # What she has done once is gone, such as a parked job or a role.
        elif least is ANYBODY:
            right = through
        else:
            assert isinstance(least, Role)
            right = through if role.rank >= least.rank else status == 403
        assert right, (name, status, answer.get("Location", ""), answer.content[-3000:])


@once
@pytest.mark.parametrize(("address", "method"), each_page())
def test_an_outsider_meets_nothing(w: World, address: Address, method: str) -> None:
    if LEAST[address.name][method] is ANYBODY or address.name == "style":
        return
    for name, at in (("charlie", w.here), ("bob", w.there), ("tess", w.there), ("olga", w.there)):
        answer = ask(w, name, address, method, at)
        ids = [i for i in address.ids if i not in ("step", "username")]
        if ids:
            unknown = {i: uuid4() for i in ids}
            same = ask(w, name, address, method, at, **unknown)
            assert answer.status_code == same.status_code, name
            assert answer.status_code in ((404,) if name == "charlie" else (403, 404)), name
            assert _comparable(answer) == _comparable(same)
        text = "" if answer.streaming else answer.content.decode()
        text = b"".join(answer).decode() if answer.streaming else text
        _tells_nothing(at, text, asked=bool(ids) or method == "POST")


def _comparable(answer: Any) -> str:
    """Without the page's own address and the form's token, which differ every time."""
    text = re.sub(r"[A-Za-z0-9]{64}", "a token", answer.content.decode())
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "an id", text)


def _tells_nothing(at: Place, text: str, *, asked: bool) -> None:
    if not asked:  # what was asked for may stand in the answer
        for secret in (at.site, at.device, at.other, at.reset, at.role, at.parked):
            assert str(secret) not in text
    assert at.secret not in text


def test_nobody_signs_up_by_themselves(w: World) -> None:
    from fleet.accounts.models import Person

    before = Person.objects.count()
    client = Client(headers={"Host": "localhost"})
    body = {"email": "mallory@example.com", "password1": "correct-horse-1-battery"}
    answer = client.post("/account/signup/", body)
    assert answer.status_code < 500
    assert Person.objects.count() == before
    assert client.get("/api/v1/me/").status_code == 401


@once
def test_no_form_is_taken_without_its_token(w: World) -> None:
    client = Client(headers={"Host": "localhost"}, enforce_csrf_checks=True)
    client.force_login(w.people["alice"])
    for address in PAGES:
        if "POST" in LEAST[address.name]:
            url = address.url(**known_ids(address, w.here, w))
            answer = client.post(url, FORMS.get(address.name, lambda w, at: {})(w, w.here))
            assert answer.status_code == 403, address
