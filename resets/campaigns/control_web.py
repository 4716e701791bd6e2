"""The console's buttons of a campaign under way: pause, go on, pace, cancel, try again, take out.

Each view makes one call of the domain; what may be done and what is refused is decided there.
"""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path, reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from fleet.accounts.access import require
from fleet.accounts.middleware import by_of
from fleet.accounts.state import Role
from fleet.errors import NotFound
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import By, Command
from fleet.web.command_forms import attempt, form_of, ordered
from fleet.web.requests import require_safe_or_POST
from resets.campaigns import deeds, queries
from resets.campaigns.control_page import initial, says
from resets.campaigns.live_page import AGREEING, LivePage
from resets.campaigns.state import ItemState
from resets.campaigns.steps.items import RetryItem


@login_required
@require_safe_or_POST
def campaign_step(request: HttpRequest, pk: UUID, step: str) -> HttpResponse:
    """Any step of a campaign: GET asks, and says what follows; POST takes it."""
    by, command = by_of(request), queries.steps().get(step)
    page = LivePage.of(by.actor, pk, timezone.now())
    if command is None or command in AGREEING:
        raise NotFound("step")
    require(by.actor, Role(command.by), page.state.organisation, page.state.site, "campaign")
    words, form, status = says(command), form_of(command, None, initial(command, page.state)), None
    if request.method == "POST":
        form = form_of(command, request.POST)
        _, status = attempt(form, lambda: handle(ordered(command, form), pk, by))
        if status is HTTPStatus.CREATED:
            messages.success(request, words.done)
            return redirect("campaign", pk)
    elif command not in page.controls:
        return redirect("campaign", pk)
    facts = {
        "title": words.title,
        "page": page,
        "says": words,
        "form": form,
        "back": reverse("campaign", args=[pk]),
    }
    return render(request, "resets/campaigns/live_step.html", facts, status=status)


@login_required
@require_POST
def retry_failed(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Try all devices once more that failed."""
    by = by_of(request)
    page = LivePage.of(by.actor, pk, timezone.now())
    require(by.actor, Role.ADMINISTRATOR, page.state.organisation, page.state.site, "campaign")
    tried = deeds.retry_failed(pk, by)
    waits = "1 device waits" if tried == 1 else f"{tried:,} devices wait"
    messages.success(request, f"{waits} to be tried once more.")
    return redirect("campaign", pk)


@login_required
@require_safe_or_POST
def item_step(request: HttpRequest, pk: UUID, item: UUID, step: str) -> HttpResponse:
    """Any step of one device of a campaign: GET asks, and says what follows; POST takes it."""
    by, command = by_of(request), queries.item_steps().get(step)
    page = LivePage.of(by.actor, pk, timezone.now())
    row = queries.item(by.actor, pk, item)
    if command is None:
        raise NotFound("step")
    require(by.actor, Role(command.by), row.organisation, row.site, "campaign_item")
    words, form, status = says(command), form_of(command), None
    back = f"{reverse('campaign', args=[pk])}?{request.GET.urlencode()}"  # to the same lines
    if request.method == "POST":
        form = form_of(command, request.POST)
        _, status = attempt(form, lambda: _take(pk, item, command, form, by))
        if status is HTTPStatus.CREATED:
            messages.success(request, f"{row.device_name}: {words.done}")
            return redirect(back)
    facts = {
        "title": words.title,
        "page": page,
        "row": row,
        "says": words,
        "form": form,
        "back": back,
    }
    return render(request, "resets/campaigns/live_step.html", facts, status=status)


def _take(campaign: UUID, item: UUID, step: type[Command[ItemState]], form: Form, by: By) -> None:
    if step is RetryItem:
        deeds.retry(campaign, [item], by)  # which opens a campaign again that has finished
    else:
        handle(ordered(step, form), item, by)


urlpatterns = [
    path("campaigns/<uuid:pk>/steps/<slug:step>/", campaign_step, name="campaign-step"),
    path("campaigns/<uuid:pk>/retry-failed/", retry_failed, name="campaign-retry-failed"),
    path(
        "campaigns/<uuid:pk>/devices/<uuid:item>/<slug:step>/",
        item_step,
        name="campaign-item-step",
    ),
]
