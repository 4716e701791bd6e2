"""The console's pages of mails: "I got no code", mail delivery, and test mails.

Each view makes one call of the domain; what may be done and what is refused is decided there.
"""

from __future__ import annotations

from email.utils import parseaddr
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from devices import queries as devices
from fleet.accounts.access import may
from fleet.accounts.menu import require_administrator
from fleet.accounts.middleware import by_of
from fleet.accounts.state import Role
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import By
from fleet.web.command_forms import attempt, form_of, ordered
from fleet.web.live import live_part
from fleet.web.requests import require_safe_or_POST
from resets import queries as resets
from resets import words
from resets.delivery import queries
from resets.delivery.page import DeliveryFilters, DeliveryPage, tone_of
from resets.delivery.reactions import GIVE_UP_AFTER
from resets.delivery.steps import SendTestMail, SendTestMailTo
from resets.state import Delivery, Phase
from resets.wizard import Walk

SHOWN = 5  # test mails on the page of mail delivery

# --- I got no code --------------------------------------------------------------------------------


@login_required
@require_safe
def no_code(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What is known of the mail, and what helps, in the order in which to try it."""
    walk = _walk(request, pk)
    if _has_moved_on(walk):
        return redirect("reset", pk)
    device = walk.device
    facts = {
        "title": "I got no code",
        "walk": walk,
        "version": walk.version,
        "support": settings.REKEY_SUPPORT,
        "may_test": may(walk.actor, Role(SendTestMail.by), device.organisation, device.site),
    }
    return render(request, "resets/delivery/no_code.html", facts)


@login_required
@require_safe
def no_code_live(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What moves on that page by itself."""
    walk = _walk(request, pk)
    context = {
        "walk": walk,
        "moved_on": _has_moved_on(walk),
        "anew": True,
        "news": request.GET.get("seen", "").split(".")[0] != str(walk.events),
    }
    return live_part(request, "resets/delivery/no_code_live.html", walk.version, lambda: context)


def _has_moved_on(walk: Walk) -> bool:
    return walk.reset.phase is not Phase.CODE_SENT


def _walk(request: HttpRequest, pk: UUID) -> Walk:
    actor = by_of(request).actor
    return Walk(resets.standing(actor, pk), actor)


# --- mail delivery --------------------------------------------------------------------------------


@login_required
@require_safe
def deliveries(request: HttpRequest) -> HttpResponse:
    """By day and mail domain: how many codes were mailed, and what became of them."""
    actor = _administrator(request).actor
    form = DeliveryFilters(actor, request.GET)
    page = DeliveryPage(actor, form.wanted(), request.GET.get("page"))
    tests = queries.mail_tests(queries.administered(actor))[:SHOWN]
    facts = {
        "title": "Mail delivery",
        "filter_form": form,
        "page": page,
        "tone": tone_of(page.in_all),
        "tests": tests,
        "service": settings.REKEY_MAIL_SERVICE,
    }
    return render(request, "resets/delivery/deliveries.html", facts)


# --- test mails -----------------------------------------------------------------------------------


@login_required
@require_POST
def send_test_mail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """To the Reset Password Email of a device."""
    test = new_id()
    handle(SendTestMail(pk), test, by_of(request))
    return redirect("test-mail", test)


@login_required
@require_safe_or_POST
def send_test_mail_to(request: HttpRequest) -> HttpResponse:
    """Asks for a mailbox, and at which site; then sends a test mail there."""
    by, test = _administrator(request), new_id()
    sites = [(pk, name) for pk, (name, _) in DeliveryFilters(by.actor, request.GET).sites.items()]
    answers = request.POST if request.method == "POST" else None
    form = form_of(SendTestMailTo, answers, choices={"site": sites})
    status = HTTPStatus.OK
    if request.method == "POST":
        _, status = attempt(form, lambda: handle(ordered(SendTestMailTo, form), test, by))
        if status is HTTPStatus.CREATED:
            return redirect("test-mail", test)
    facts = {"title": "Send a test mail", "form": form}
    return render(request, "resets/delivery/send_test.html", facts, status=status)


@login_required
@require_safe
def test_mail(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What became of a test mail."""
    actor = by_of(request).actor
    row = queries.mail_test(actor, pk)
    assert row.site
    facts = {
        "title": "Test mail",
        **_standing(row),
        "sender": parseaddr(settings.DEFAULT_FROM_EMAIL)[1],
        "zone": devices.place(actor, row.site).timezone,
    }
    return render(request, "resets/delivery/test.html", facts)


@login_required
@require_safe
def test_mail_live(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What moves on that page by itself."""
    row = queries.mail_test(by_of(request).actor, pk)
    return live_part(request, "resets/delivery/test_live.html", row.version, lambda: _standing(row))


def _standing(row: Any) -> dict[str, Any]:
    known, old = Delivery(row.delivery), timezone.now() > row.asked_at + GIVE_UP_AFTER
    waited_for = [Delivery.QUEUED, Delivery.DEFERRED]
    if settings.REKEY_MAIL_SERVICE and not old:
        waited_for += [Delivery.HANDED_OVER, Delivery.HELD_UP]
    return {"test": row, "look": words.DELIVERIES[known], "ended": known not in waited_for}


def _administrator(request: HttpRequest) -> By:
    return require_administrator(
        request, "Only administrators look after mail delivery. Ask one of them."
    )


def _webhooks() -> list[URLPattern]:
    """Only where a mail service is in use: else there is nothing to be found."""
    if not settings.REKEY_MAIL_SERVICE:
        return []
    from resets.delivery.webhooks import addresses

    return addresses(settings.REKEY_MAIL_SERVICE)


urlpatterns = [
    path("resets/<uuid:pk>/no-code/", no_code, name="no-code"),
    path("resets/<uuid:pk>/no-code/live/", no_code_live, name="no-code-live"),
    path("delivery/", deliveries, name="deliveries"),
    path("delivery/test/", send_test_mail_to, name="send-test-mail-to"),
    path("delivery/tests/<uuid:pk>/", test_mail, name="test-mail"),
    path("delivery/tests/<uuid:pk>/live/", test_mail_live, name="test-mail-live"),
    path("devices/<uuid:pk>/test-mail/", send_test_mail, name="send-test-mail"),
    *_webhooks(),
]
