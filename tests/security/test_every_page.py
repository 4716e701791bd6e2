"""Every page of the console, with everybody who may come to it. The list of pages is the
resolver's: a page that nobody thought about here fails the test.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import copy, deepcopy
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from devices.deeds import steps as device_steps
from devices.state import ONVIF_PATH
from fleet.accounts.state import Role
from tests.security.addresses import Address, addresses
from tests.security.rules import ADMINISTRATORS, ANYBODY, ORGANISATION, OWN, Rule
from tests.security.world import A_LIST, A_SCHEDULE, NETWORK, Place, World, world

pytestmark = pytest.mark.django_db
# Who may do what is decided by the same code on any database. That every page works on both is
# seen where everybody comes to it, at one site.
once = pytest.mark.one_database

# The least role for each page. Every other method is refused.
LEAST: dict[str, dict[str, Role | Rule]] = {
    "dashboard": {"GET": Role.VIEWER},
    "healthz": {"GET": ANYBODY},
    "choose_theme": {"POST": ANYBODY},
    "style": {"GET": Role.VIEWER},
    "tokens": {"GET": Role.VIEWER, "POST": Role.VIEWER},
    "revoke-token": {"GET": OWN, "POST": OWN},
    "people": {"GET": ADMINISTRATORS, "POST": Role.ADMINISTRATOR},
    "revoke-role": {"GET": ADMINISTRATORS, "POST": ADMINISTRATORS},
    "history": {"GET": Role.VIEWER},
    "history-export": {"GET": Role.VIEWER},
    "trace": {"GET": Role.VIEWER},
    "system": {"GET": ADMINISTRATORS},
    "retry-job": {"POST": ADMINISTRATORS},
    "sites": {"GET": Role.VIEWER},
    "open-site": {"GET": ORGANISATION, "POST": ORGANISATION},
    "site": {"GET": Role.VIEWER},
    "devices": {"GET": Role.VIEWER},
    "add-device": {"GET": Role.OPERATOR, "POST": Role.OPERATOR},
    "device": {"GET": Role.VIEWER},
    "device-live": {"GET": Role.VIEWER},
    "check-device": {"POST": Role.TECHNICIAN},
    "reveal": {"GET": Role.ADMINISTRATOR, "POST": Role.ADMINISTRATOR},
    # A new step brings its page with it, and asks for the role that its command names.
    **{slug: {"GET": Role(s.by), "POST": Role(s.by)} for slug, s in device_steps().items()},
    "bulk-check": {"GET": Role.VIEWER, "POST": Role.TECHNICIAN},
    "bulk-move": {"GET": Role.VIEWER, "POST": Role.OPERATOR},
    "bulk-remove": {"GET": Role.VIEWER, "POST": Role.OPERATOR},
    "bulk-export": {"GET": Role.VIEWER, "POST": Role.VIEWER},
    "device-columns": {"POST": Role.VIEWER},
    "import-devices": {"GET": Role.OPERATOR, "POST": Role.OPERATOR},
    "import-template": {"GET": Role.VIEWER},
    "import": {"GET": OWN},
    "import-live": {"GET": OWN},
    "apply-import": {"POST": OWN},
    "discard-import": {"POST": OWN},
    "export-devices": {"GET": Role.VIEWER},
    "discovery": {"GET": Role.VIEWER},
    "discovered": {"GET": Role.VIEWER},
    "forget-discovered": {"GET": Role.VIEWER},
    "add-discovered": {"GET": Role.OPERATOR, "POST": Role.OPERATOR},
    "activate-discovered": {"GET": Role.OPERATOR, "POST": Role.OPERATOR},
    "follow-discovered": {"POST": Role.OPERATOR},
    "ignore-discovered": {"POST": Role.OPERATOR},
    "heed-discovered": {"POST": Role.OPERATOR},
    "add-chosen": {"GET": Role.VIEWER, "POST": Role.OPERATOR},
    "activate-chosen": {"GET": Role.VIEWER, "POST": Role.OPERATOR},
    "ignore-chosen": {"GET": Role.VIEWER, "POST": Role.OPERATOR},
    "scans": {"GET": Role.VIEWER},
    "request-scan": {"GET": Role.OPERATOR, "POST": Role.OPERATOR},
    "scan": {"GET": Role.VIEWER},
    "scan-live": {"GET": Role.VIEWER},
    "stop-scan": {"POST": Role.OPERATOR},
    "site-networks": {"GET": Role.VIEWER, "POST": Role.ADMINISTRATOR},
    "close-site": {"GET": Role.ADMINISTRATOR, "POST": Role.ADMINISTRATOR},
    "deliveries": {"GET": ADMINISTRATORS},
    "send-test-mail-to": {"GET": ADMINISTRATORS, "POST": ADMINISTRATORS},
    "send-test-mail": {"POST": Role.TECHNICIAN},
    "test-mail": {"GET": Role.VIEWER},
    "test-mail-live": {"GET": Role.VIEWER},
    "no-code": {"GET": Role.VIEWER},
    "no-code-live": {"GET": Role.VIEWER},
    "readiness": {"GET": Role.VIEWER},
    "export-readiness": {"GET": Role.VIEWER},
    "begin-drill": {"POST": Role.TECHNICIAN},
    "drill": {"GET": Role.VIEWER},
    "drill-live": {"GET": Role.VIEWER},
    "drill-step": {"POST": Role.TECHNICIAN},
    "mailboxes": {"GET": Role.VIEWER},
    "propose-mailbox": {"GET": Role.TECHNICIAN, "POST": Role.TECHNICIAN},
    "mailbox": {"GET": Role.VIEWER},
    "mailbox-live": {"GET": Role.VIEWER},
    "mailbox-step": {"GET": Role.ADMINISTRATOR, "POST": Role.ADMINISTRATOR},
    "campaign-codes": {"GET": Role.VIEWER},
    "campaign-mailbox": {"GET": Role.VIEWER, "POST": Role.TECHNICIAN},
    "campaign-mailbox-live": {"GET": Role.VIEWER},
    "send-campaign-code": {"POST": Role.TECHNICIAN},
    "your-devices": {"GET": ANYBODY, "POST": ANYBODY},
    "resets": {"GET": Role.VIEWER},
    "approvals": {"GET": Role.VIEWER},
    "limits": {"GET": Role.VIEWER, "POST": Role.ADMINISTRATOR},
    "alarms": {"GET": Role.VIEWER},
    "alarm": {"GET": Role.VIEWER, "POST": Role.ADMINISTRATOR},
    "code-rules": {"GET": Role.VIEWER, "POST": Role.ADMINISTRATOR},
    "approval-rules": {"GET": Role.VIEWER, "POST": Role.ADMINISTRATOR},
    "request-reset": {"GET": Role.TECHNICIAN, "POST": Role.TECHNICIAN},
    "reset": {"GET": Role.VIEWER},
    "reset-live": {"GET": Role.VIEWER},
    "reset-order": {"GET": Role.TECHNICIAN},
    "reset-step": {"GET": Role.VIEWER, "POST": Role.TECHNICIAN},
    "phone": {"GET": ANYBODY, "POST": ANYBODY},
    "not-me": {"GET": ANYBODY, "POST": ANYBODY},
    "qr-png": {"GET": OWN},
    "qr-sheet": {"GET": Role.VIEWER, "POST": Role.TECHNICIAN},
    "campaigns": {"GET": Role.VIEWER},
    "plan-campaign": {"GET": ADMINISTRATORS, "POST": ADMINISTRATORS},
    "campaign-plan": {"GET": Role.VIEWER},
    "campaign-plan-live": {"GET": Role.VIEWER},
    "campaign-plan-step": {"GET": Role.ADMINISTRATOR, "POST": Role.ADMINISTRATOR},
    "campaign": {"GET": Role.VIEWER},
    "campaign-live": {"GET": Role.VIEWER},
    "campaign-items": {"GET": Role.VIEWER},
    "campaign-step": {"GET": Role.ADMINISTRATOR, "POST": Role.ADMINISTRATOR},
    "campaign-retry-failed": {"POST": Role.ADMINISTRATOR},
    "campaign-report": {"GET": Role.VIEWER},
    "hand-over-campaign": {"GET": Role.ADMINISTRATOR, "POST": Role.ADMINISTRATOR},
    "hand-over": {"GET": Role.VIEWER, "POST": Role.ADMINISTRATOR},
    "schedules": {"GET": Role.VIEWER},
    "make-schedule": {"GET": ADMINISTRATORS, "POST": ADMINISTRATORS},
    "schedule": {"GET": Role.VIEWER},
    "schedule-step": {"GET": Role.ADMINISTRATOR, "POST": Role.ADMINISTRATOR},
    "campaign-item-step": {"GET": Role.TECHNICIAN, "POST": Role.TECHNICIAN},
}

FORMS: dict[str, Callable[[World, Place], dict[str, Any]]] = {
    "tokens": lambda w, at: {
        "name": "x",
        "role": "viewer",
        "days": 1,
        "where": str(w.who.organisation),
    },
    "people": lambda w, at: {
        "email": "new@example.com",
        "name": "Nora",
        "role": "viewer",
        "where": f"{w.who.organisation}/{at.site}",
    },
    "revoke-role": lambda w, at: {"reason": "A test"},
    "open-site": lambda w, at: {"name": "Quarry", "timezone": "UTC"},
    "add-device": lambda w, at: {
        "site": str(at.site),
        "kind": "camera",
        "name": "Another",
        "host": "203.0.113.77",
        "port": 80,
        "username": "admin",
        "password": "correct-horse-2",
    },
    "reveal": lambda w, at: {"reason": "A test"},
    "hand-over": lambda w, at: {"device": str(at.device)},
    **{
        f"bulk-{deed}": lambda w, at: {"device": str(at.device), "confirmed": "yes"}
        for deed in ("check", "move", "remove", "export")
    },
    "import-devices": lambda w, at: {
        "site": str(at.site),
        "content": SimpleUploadedFile("list.csv", A_LIST.encode()),
    },
    **{
        f"{deed}-discovered": lambda w, at: {
            "name": "Found",
            "kind": "camera",
            "username": "admin",
            "password": "correct-horse-2",
            "reset_email": "owner@example.com",
            "host": "192.0.2.7",
            "port": 80,
            "path": ONVIF_PATH,
        }
        for deed in ("add", "activate")
    },
    **{
        f"{deed}-chosen": lambda w, at: {
            "discovered": str(at.found),
            "confirmed": "yes",
            "reset_email": "owner@example.com",
        }
        for deed in ("add", "activate", "ignore")
    },
    "request-scan": lambda w, at: {
        "site": str(at.site),
        "network": NETWORK,
        "method": "ws_discovery",
    },
    "site-networks": lambda w, at: {"networks": NETWORK},
    "close-site": lambda w, at: {"reason": "Sold"},
    "request-reset": lambda w, at: {"reason": "A test"},
    "send-test-mail-to": lambda w, at: {"site": str(at.site), "reset_email": "a@example.net"},
    "propose-mailbox": lambda w, at: {"reset_email": "a@example.net", "reason": "A test"},
    "mailbox-step": lambda w, at: {"reason": "A test"},
    "limits": lambda w, at: {"do": "defaults"},
    "plan-campaign": lambda w, at: {
        "planned": "yes",
        "place": str(at.site),
        "kind": "reset",
        "name": "Another",
        "reason": "A test",
        "canary": 0,
        "wave": 0,
        "at_once": 1,
        "pace": 0,
        "stop_share": 0,
        "ends_at": f"{datetime.now(UTC) + timedelta(days=2):%Y-%m-%dT%H:%M}",
    },
    "campaign-plan-step": lambda w, at: {"reason": "A test"},
    "alarm": lambda w, at: {"reason": "A test"},
    "campaign-mailbox": lambda w, at: {"code": "12345678"},
    "your-devices": lambda w, at: {"token": w.a_code_mail(at)},
    "phone": lambda w, at: {"token": w.a_qr(at)},
    "not-me": lambda w, at: {"token": w.a_not_me(at)},
    "qr-sheet": lambda w, at: {"reset": str(at.reset)},
    "make-schedule": lambda w, at: {
        "place": str(at.site),
        **A_SCHEDULE,
        "ahead": 3,
        "canary": 0,
        "wave": 0,
        "at_once": 5,
        "pace": 0,
        "stop_share": 0,
    },
}

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
