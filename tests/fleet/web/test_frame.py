"""The frame around every page: menu, dashboard, colour scheme, health, and parts that stay live."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.urls import reverse

from fleet.web import registry
from fleet.web.context import frame
from fleet.web.live import live_part
from fleet.web.registry import dashboard_panel, menu, menu_entries
from tests.cast import Cast

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture
def alice(client: Client, who: Cast) -> Client:
    client.force_login(who.alice)
    return client


@pytest.fixture
def empty_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_menu", [])
    monkeypatch.setattr(registry, "_panels", [])


def framed(path: str, actor: object = "somebody") -> dict[str, Any]:
    request = RequestFactory().get(path)
    request.user = AnonymousUser()
    request.actor = actor  # type: ignore[attr-defined]
    return frame(request)


# --- menu -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("empty_registry")
def test_the_menu_is_in_order_and_each_hundred_is_a_group() -> None:
    menu("History", "history", icon="history", order=130)
    menu("Dashboard", "dashboard", icon="layout-dashboard", order=0)
    menu("Devices", "devices", icon="cctv", order=110)
    menu("Devices", "devices", icon="cctv", order=110)  # ready() may run twice
    links = framed("/")["menu"]
    assert [link.label for link in links] == ["Dashboard", "Devices", "History"]
    assert [link.starts_group for link in links] == [False, True, False]


@pytest.mark.usefixtures("empty_registry")
@pytest.mark.parametrize(
    ("path", "current"),
    [
        ("/", {"Dashboard": "page"}),
        ("/devices/", {"Devices": "page"}),
        ("/devices/7/", {"Devices": "true"}),
        ("/elsewhere/", {}),
    ],
)
def test_the_menu_says_where_one_is(path: str, current: dict[str, str]) -> None:
    menu("Dashboard", "dashboard", icon="layout-dashboard", order=0)
    menu("Devices", "devices", icon="cctv", order=110)
    assert {link.label: link.current for link in framed(path)["menu"] if link.current} == current


@pytest.mark.usefixtures("empty_registry")
def test_an_entry_may_be_hidden_from_somebody() -> None:
    menu("System", "system", icon="activity", order=220, visible=lambda request: False)
    assert framed("/")["menu"] == ()


@pytest.mark.usefixtures("empty_registry")
def test_an_entry_says_how_many_things_wait_there(alice: Client) -> None:
    menu("Approvals", "dashboard", icon="users", order=130, count=lambda request: 3)
    menu("System", "dashboard", icon="activity", order=220, count=lambda request: 0)
    page = alice.get("/").content.decode()
    assert page.count('class="count"') == 1
    assert '<span class="count">3<span class="unseen"> waiting</span></span>' in page


def test_nobody_who_is_not_signed_in_gets_a_menu() -> None:
    assert framed("/", actor=None)["menu"] == ()


def test_every_page_of_the_menu_opens(alice: Client) -> None:
    for entry in menu_entries():
        assert alice.get(reverse(entry.url_name)).status_code == 200, entry.label


# --- dashboard ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("empty_registry")
def test_a_panel_is_filled_by_its_provider_and_left_out_without_one(alice: Client) -> None:
    dashboard_panel("components/progress.html", lambda request: {"count": 7}, order=20)
    dashboard_panel("components/copy.html", lambda request: None, order=10)
    answer = alice.get("/")
    assert answer.context["panels"] == [
        {"template": "components/progress.html", "facts": {"count": 7}}
    ]
    assert "data-copy" not in answer.content.decode()


@pytest.mark.usefixtures("empty_registry")
def test_a_dashboard_without_panels_says_what_will_be_there(alice: Client) -> None:
    assert "Nothing to show yet." in alice.get("/").content.decode()


def test_the_dashboard_asks_for_a_sign_in_first(client: Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 302
    assert answer["Location"].startswith(reverse("account_login"))


# --- pages of their own ---------------------------------------------------------------------------


def test_the_style_page_shows_every_component(alice: Client) -> None:
    page = alice.get("/style/").content.decode()
    for component in ("status", "panel", "table", "timeline", "steps", "secret", "toast"):
        assert f'class="{component}' in page, component


def test_the_style_page_is_for_people_who_are_signed_in(client: Client) -> None:
    assert client.get("/style/").status_code == 302


@pytest.mark.parametrize(
    ("template", "says"),
    [("400.html", "cannot be read"), ("500.html", "not your doing"), ("403_csrf.html", "open for")],
)
def test_pages_of_last_resort_need_no_request_and_no_database(template: str, says: str) -> None:
    from django.template.loader import render_to_string

    page = render_to_string(template)
    assert says in page
    assert "/static/web/rekey.css" in page


def test_a_page_that_is_not_there_says_what_to_do(alice: Client) -> None:
    answer = alice.get("/nowhere/")
    assert answer.status_code == 404
    assert "Go to the dashboard" in answer.content.decode()


def test_health_needs_no_sign_in(client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_health_says_when_the_database_does_not_answer(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down() -> None:
        raise DatabaseError("the address and the password of the server")

    monkeypatch.setattr(connection, "cursor", down)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (503, b"database does not answer\n")


# --- signing in -----------------------------------------------------------------------------------


def test_signing_in_is_in_our_look_and_nobody_signs_up(client: Client) -> None:
    page = client.get(reverse("account_login")).content.decode()
    assert "Accounts are made by an administrator" in page
    assert "/static/web/rekey.css" in page
    assert reverse("account_signup") not in page
    closed = client.get(reverse("account_signup")).content.decode()
    assert "Nobody signs up here" in closed


def test_the_account_menu_names_the_person_and_signs_out_by_post(alice: Client) -> None:
    page = alice.get("/").content.decode()
    assert "Alice" in page
    assert f'<form method="post" action="{reverse("account_logout")}">' in page


# --- colour scheme --------------------------------------------------------------------------------


def test_a_chosen_scheme_is_remembered_and_given_up(alice: Client) -> None:
    answer = alice.post("/theme/", {"theme": "dark", "next": "/devices/"})
    assert answer["Location"] == "/devices/"
    assert '<html lang="en-GB" data-theme="dark">' in alice.get("/").content.decode()
    alice.post("/theme/", {"theme": ""})
    assert '<html lang="en-GB">' in alice.get("/").content.decode()


@pytest.mark.parametrize("elsewhere", ["https://example.org/", "//example.org", "javascript:x()"])
def test_choosing_a_scheme_leads_nowhere_else(client: Client, elsewhere: str) -> None:
    assert client.post("/theme/", {"theme": "dark", "next": elsewhere})["Location"] == "/"


def test_a_scheme_that_there_is_not_is_ignored(client: Client) -> None:
    client.cookies["theme"] = '"><script>'
    assert "<script>" not in client.get(reverse("account_login")).content.decode()


# --- live parts -----------------------------------------------------------------------------------


def test_a_live_part_costs_nothing_while_nothing_changed() -> None:
    asked = []

    def context() -> dict[str, Any]:
        asked.append(1)
        return {"message": "Sent", "tone": "ok"}

    def poll(seen: str) -> HttpResponse:
        request: HttpRequest = RequestFactory().get("/part/", {"seen": seen})
        request.user = AnonymousUser()
        return live_part(request, "components/toast.html", 7, context)

    unchanged = poll("7")
    assert (unchanged.status_code, unchanged.content, asked) == (204, b"", [])
    changed = poll("6")
    assert changed.status_code == 200
    assert "Sent" in changed.content.decode()
    assert changed["Cache-Control"] == "no-store"


def test_every_page_is_sent_with_a_policy_that_forbids_what_is_inline(alice: Client) -> None:
    policy = alice.get("/")["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
