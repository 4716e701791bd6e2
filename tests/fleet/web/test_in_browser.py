"""The frame in a real Chromium: what it looks like to axe, the keyboard, and a strict policy."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.template import RequestContext, Template
from django.test import Client
from django.urls import path
from playwright.sync_api import Browser, Page, expect

from fleet.errors import Conflict
from fleet.urls import urlpatterns as real_pages
from tests.cast import cast

pytestmark = [
    pytest.mark.browser,
    pytest.mark.one_database,  # about scripts and styles
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls(__name__),
]

TRIAL = """{% extends "base.html" %}{% load components %}{% block content %}
{% live "/trial/part/" version=1 id="part" %}<p id="was">As it was</p>{% endlive %}
<button type="button" hx-post="/trial/late/" hx-target="#here">Too late</button>
<button type="button" hx-post="/trial/broken/" hx-target="#here">Break</button>
<button type="button" hx-post="/trial/invalid/" hx-target="#here">Leave out</button>
<form method="post" action="/trial/count/">{% csrf_token %}<button>Count</button></form>
<div id="here">Untouched</div>
{% endblock %}"""
polls: list[str] = []
posts: list[str] = []
part = {"version": "1"}
received, answered = threading.Event(), threading.Event()


def trial(request: HttpRequest) -> HttpResponse:
    return HttpResponse(Template(TRIAL).render(RequestContext(request, {"title": "Trial"})))


def live(request: HttpRequest) -> HttpResponse:
    polls.append(request.GET["seen"])
    if request.GET["seen"] == part["version"]:
        return HttpResponse(status=204)
    source = '{% load components %}{% live "/trial/part/" version=2 id="part" ended=True %}'
    source += "<p>As it is now</p>{% endlive %}{% announce 'Now it is done.' %}"
    return HttpResponse(Template(source).render(RequestContext(request)))


def late(request: HttpRequest) -> HttpResponse:
    raise Conflict("already_done", "Somebody was quicker. See how it ended.")


def broken(request: HttpRequest) -> HttpResponse:
    return HttpResponse("a stack of secrets", status=500)


def invalid(request: HttpRequest) -> HttpResponse:
    return HttpResponse("Say why.", status=422)


def count(request: HttpRequest) -> HttpResponse:
    posts.append(request.method or "")
    received.set()
    answered.wait(10)
    return HttpResponse(status=204)  # the browser stays where it is


urlpatterns = [
    path("trial/", trial),
    path("trial/part/", live),
    path("trial/late/", late),
    path("trial/broken/", broken),
    path("trial/invalid/", invalid),
    path("trial/count/", count),
    *real_pages,
]


@pytest.fixture
def open_page(chromium: Browser, live_server: Any) -> Iterator[Callable[..., Page]]:
    """Opens an address as Alice: `open_page("/style/", width=390)`. A broken policy fails."""
    client = Client()
    client.force_login(cast().alice)
    session = settings.SESSION_COOKIE_NAME
    cookie = {"name": session, "value": client.cookies[session].value, "url": live_server.url}
    contexts, blocked = [], []
    part["version"] = "1"
    polls.clear()
    posts.clear()
    received.clear()
    answered.clear()

    def listen(text: str) -> None:
        if "Content Security Policy" in text:
            blocked.append(text)

    def open_one(address: str, width: int = 1280, **options: Any) -> Page:
        size = {"width": width, "height": 860}
        context = chromium.new_context(base_url=live_server.url, viewport=size, **options)
        contexts.append(context)
        context.add_cookies([cookie])  # type: ignore[list-item]
        page = context.new_page()
        page.on("console", lambda said: listen(said.text))
        page.on("pageerror", lambda error: blocked.append(str(error)))
        page.goto(address)
        return page

    yield open_one
    answered.set()
    for context in contexts:
        context.close()
    assert blocked == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_against_any_component(
    open_page: Callable[..., Page], width: int, scheme: str
) -> None:
    page = open_page("/style/", width=width, color_scheme=scheme, reduced_motion="reduce")
    found = Axe().run(page).response["violations"]
    assert [(v["id"], [n["html"] for n in v["nodes"]]) for v in found] == []
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")


def test_a_person_with_a_keyboard_can_skip_the_menu(open_page: Callable[..., Page]) -> None:
    page = open_page("/")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the page")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("main")).to_be_focused()


def test_on_a_phone_the_menu_opens_and_closes_without_a_script(
    open_page: Callable[..., Page],
) -> None:
    page = open_page("/", width=390, java_script_enabled=False)
    menu = page.get_by_role("navigation", name="Main")
    expect(menu).to_be_hidden()
    page.get_by_role("button", name="Menu").click()
    expect(menu).to_be_visible()
    menu.get_by_role("button", name="Close").click()
    expect(menu).to_be_hidden()


def test_a_scheme_is_chosen_in_the_account_menu(open_page: Callable[..., Page]) -> None:
    page = open_page("/devices/", color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(ground)
    page.get_by_role("button", name="Alice, your account").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate(ground) != before
    assert page.url.endswith("/devices/")


def test_a_live_part_stays_as_it_is_until_something_changes(open_page: Callable[..., Page]) -> None:
    page = open_page("/trial/")
    page.evaluate("document.querySelector('#was').dataset.mine = 'the same'")
    with page.expect_response("**/trial/part/**"), page.expect_response("**/trial/part/**"):
        pass
    expect(page.locator("#was")).to_have_attribute("data-mine", "the same")
    part["version"] = "2"
    expect(page.get_by_text("As it is now")).to_be_visible()
    expect(page.locator("#announcer")).to_have_text("Now it is done.")
    assert set(polls) == {"1"}
    assert page.locator("[hx-get]").count() == 0


def test_an_error_of_the_domain_is_a_toast_that_can_be_closed(
    open_page: Callable[..., Page],
) -> None:
    page = open_page("/trial/")
    page.get_by_role("button", name="Too late").click()
    toast = page.locator("#toasts .toast")
    expect(toast).to_have_text("Somebody was quicker. See how it ended.Close this message")
    expect(page.locator("#here")).to_have_text("Untouched")
    toast.get_by_role("button", name="Close this message").click()
    expect(toast).to_have_count(0)


def test_an_answer_that_makes_no_sense_is_said_once_and_never_shown(
    open_page: Callable[..., Page],
) -> None:
    page = open_page("/trial/")
    for _ in range(2):
        with page.expect_response("**/trial/broken/"):
            page.get_by_role("button", name="Break").click()
    expect(page.locator("#toasts .toast")).to_have_count(1)
    expect(page.locator("#here")).to_have_text("Untouched")
    assert "secrets" not in page.content()


def test_a_form_that_comes_back_with_its_errors_takes_its_own_place(
    open_page: Callable[..., Page],
) -> None:
    page = open_page("/trial/")
    page.get_by_role("button", name="Leave out").click()
    expect(page.locator("#here")).to_have_text("Say why.")


def test_a_server_that_is_gone_is_said_until_it_is_back(open_page: Callable[..., Page]) -> None:
    page = open_page("/trial/")
    page.route("**/trial/part/**", lambda route: route.abort())
    lost = page.locator("#toasts [data-lost]")
    expect(lost).to_have_count(1)
    page.unroute("**/trial/part/**")
    expect(lost).to_have_count(0)


def test_pressing_twice_sends_once(open_page: Callable[..., Page]) -> None:
    page = open_page("/trial/")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.method))
    box = page.get_by_role("button", name="Count", exact=True).bounding_box()
    assert box
    # By the mouse alone: a locator would wait until the first answer is there.
    page.mouse.click(box["x"] + 9, box["y"] + 9)
    assert received.wait(10)
    page.mouse.click(box["x"] + 9, box["y"] + 9)
    with page.expect_response("**/trial/count/"):
        answered.set()
    assert [sent.count("POST"), posts] == [1, ["POST"]]


def test_a_password_is_copied_without_being_shown(open_page: Callable[..., Page]) -> None:
    page = open_page("/style/", permissions=["clipboard-read", "clipboard-write"])
    secret = page.locator(".secret")
    expect(secret.locator("code")).to_be_hidden()
    secret.get_by_role("button", name="Copy New password").click()
    expect(page.locator("#announcer")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "invented-for-this-page"
    expect(secret.locator("code")).to_be_hidden()


def test_a_filter_changes_the_list_and_the_address_without_a_reload(
    open_page: Callable[..., Page],
) -> None:
    page = open_page("/style/")
    page.evaluate("document.body.dataset.still = 'the same page'")
    page.get_by_label("State").select_option("not_certified")
    page.wait_for_url("**/style/?*state=not_certified*")
    page.get_by_label("Search").press_sequentially("gate")
    page.wait_for_url("**/style/?*q=gate*")
    expect(page.get_by_label("Search")).to_be_focused()
    assert page.evaluate("document.body.dataset.still") == "the same page"


def test_ticking_all_ticks_and_counts_them(open_page: Callable[..., Page]) -> None:
    page = open_page("/style/")
    page.get_by_label("Select all on this page").check()
    expect(page.locator("[data-count]")).to_have_text("4")
    for box in page.locator("td.check input").all():
        box.uncheck()
    expect(page.locator(".bulk")).to_be_hidden()


def test_what_is_wrong_takes_the_focus(open_page: Callable[..., Page]) -> None:
    page = open_page("/style/")
    expect(page.locator(".errors")).to_be_focused()
