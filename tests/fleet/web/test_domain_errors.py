"""What a person sees when a view lets one of the domain's errors pass."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.views.decorators.http import require_POST

from fleet.errors import Conflict, Forbidden, NotFound, Refused, RekeyError
from fleet.urls import urlpatterns as real_pages
from tests.cast import cast

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

ERRORS = {
    "not-found": NotFound("camera"),
    "forbidden": Forbidden("role", "Your role here is to look. Ask a technician."),
    "conflict": Conflict("already_done", "Somebody was quicker. See how it ended."),
    "refused": Refused("too_soon", "Wait 43 s, then send the code again."),
    "marked-up": Refused("odd", "A name with <b>marks</b> in it."),
    "missing": Http404(),
    "denied": PermissionDenied(),
}
STATUS = {"not-found": 404, "forbidden": 403, "conflict": 409, "refused": 422}
AS_HTMX = {"HX-Request": "true"}


def view(request: HttpRequest, name: str) -> HttpResponse:
    raise ERRORS[name]


urlpatterns = [
    path("raise/<name>/", view),
    path("only-pressed/", require_POST(lambda request: HttpResponse())),
    *real_pages,
]


@pytest.fixture
def alice(client: Client) -> Client:
    client.force_login(cast().alice)
    return client


def test_what_is_missing_is_named_in_words() -> None:
    assert NotFound("campaign_item").message.startswith("There is no such campaign item.")


@pytest.mark.parametrize("name", STATUS)
def test_an_error_becomes_a_page_with_its_sentence_and_a_way_on(alice: Client, name: str) -> None:
    error = ERRORS[name]
    assert isinstance(error, RekeyError)
    answer = alice.get(f"/raise/{name}/")
    page = answer.content.decode()
    assert answer.status_code == STATUS[name]
    assert error.message in page
    assert error.code in page
    assert "Go to the dashboard" in page
    assert 'aria-label="Main"' in page


@pytest.mark.parametrize("name", STATUS)
def test_for_htmx_an_error_becomes_a_toast_and_the_page_stays(alice: Client, name: str) -> None:
    error = ERRORS[name]
    assert isinstance(error, RekeyError)
    answer = alice.get(f"/raise/{name}/", headers=AS_HTMX)
    assert answer.status_code == STATUS[name]
    assert answer["HX-Retarget"] == "#toasts"
    assert answer["HX-Reswap"] == "beforeend"
    assert answer.content.decode().lstrip().startswith('<div class="toast" data-tone="bad">')
    assert error.message in answer.content.decode()


@pytest.mark.parametrize(("name", "status"), [("missing", 404), ("denied", 403)])
def test_django_s_own_errors_are_toasts_for_htmx_too(alice: Client, name: str, status: int) -> None:
    answer = alice.get(f"/raise/{name}/", headers=AS_HTMX)
    assert (answer.status_code, answer["HX-Retarget"]) == (status, "#toasts")


@pytest.mark.parametrize("headers", [{}, AS_HTMX])
def test_a_sentence_is_text_and_never_markup(alice: Client, headers: dict[str, str]) -> None:
    page = alice.get("/raise/marked-up/", headers=headers).content.decode()
    assert "&lt;b&gt;marks&lt;/b&gt;" in page
    assert "<b>marks" not in page


def test_a_page_of_an_error_can_be_shown_to_whoever_is_not_signed_in(client: Client) -> None:
    answer = client.get("/raise/not-found/")
    assert answer.status_code == 404
    assert 'aria-label="Main"' not in answer.content.decode()


def test_where_a_button_leads_is_no_blank_page_after_a_sign_in(alice: Client) -> None:
    answer = alice.get("/only-pressed/")
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert "go back to where it was and press it again" in answer.content.decode()
    assert alice.post("/only-pressed/").content == b""


def test_a_part_of_a_page_that_wants_a_sign_in_loads_the_whole_page_anew(client: Client) -> None:
    assert client.get("/").status_code == 302
    answer = client.get("/", headers=AS_HTMX)
    assert (answer.status_code, answer["HX-Refresh"]) == (204, "true")


def test_an_error_of_ours_is_not_swallowed(alice: Client) -> None:
    ERRORS["bug"] = ZeroDivisionError()
    with pytest.raises(ZeroDivisionError):
        alice.get("/raise/bug/")
    alice.raise_request_exception = False
    answer = alice.get("/raise/bug/")
    assert answer.status_code == 500
    assert "Something broke here" in answer.content.decode()
