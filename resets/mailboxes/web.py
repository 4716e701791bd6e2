"""The console's pages of proposed mailboxes.

Each view makes one call of the domain; what may be done and what is refused is decided there.
"""

from __future__ import annotations

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.views.decorators.http import require_safe

from devices import queries as devices
from fleet.accounts.access import require
from fleet.accounts.middleware import by_of
from fleet.accounts.state import Role
from fleet.errors import NotFound
from fleet.eventstore.handling import handle
from fleet.web.command_forms import attempt, form_of, ordered
from fleet.web.live import live_part
from fleet.web.requests import page_of, require_safe_or_POST
from resets.mailboxes import queries
from resets.mailboxes.forms import ProposalFilters
from resets.mailboxes.page import Proposal, ProposalPage, step_of
from resets.mailboxes.proposing import propose
from resets.mailboxes.steps import ProposeMailbox


@login_required
@require_safe
def mailboxes(request: HttpRequest) -> HttpResponse:
    """Every proposal that may be seen, newest first."""
    actor = by_of(request).actor
    form = ProposalFilters(actor, request.GET)
    page = page_of(request, form.found())
    facts = {
        "title": "Proposed mailboxes",
        "filter_form": form,
        "page": page,
        "proposals": [Proposal(row, actor) for row in page],
    }
    return render(request, "resets/mailboxes/mailboxes.html", facts)


@login_required
@require_safe_or_POST
def propose_mailbox(request: HttpRequest, device: UUID) -> HttpResponse:
    """Ask for the mailbox and why, and propose it. A proposal that is open already is led to."""
    by = by_of(request)
    row = devices.device(by.actor, device)
    require(by.actor, Role(ProposeMailbox.by), row.organisation, row.site, "device")
    if open_one := queries.open_change_of(by.actor, device):
        messages.info(request, "A Reset Password Email is proposed for this device already.")
        return redirect("mailbox", open_one.pk)
    form, status = form_of(ProposeMailbox), HTTPStatus.OK
    if request.method == "POST":
        form = form_of(ProposeMailbox, request.POST)
        begun, status = attempt(form, lambda: propose(device, **form.cleaned_data, by=by))
        if begun:
            messages.success(request, "Proposed. An administrator has to agree to it now.")
            return redirect("mailbox", begun)
    title = f"{'Correct' if row.reset_email else 'Name'} the mailbox of {row.name}"
    facts = {"title": title, "device": row, "form": form}
    facts["now"] = devices.mailbox_shown(by.actor, row.reset_email, row.organisation, row.site)
    return render(request, "resets/mailboxes/propose.html", facts, status=status)


@login_required
@require_safe
def mailbox(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One proposal: what will be done, where it stands, and what may be done about it."""
    actor = by_of(request).actor
    return _page(request, ProposalPage.of(queries.standing(actor, pk), actor))


@login_required
@require_safe
def mailbox_live(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The same while somebody waits for the answer, or for the change."""
    actor = by_of(request).actor
    page = ProposalPage.of(queries.standing(actor, pk), actor)
    return live_part(
        request, "resets/mailboxes/live.html", page.version, lambda: {"page": page, "anew": True}
    )


@login_required
@require_safe_or_POST
def mailbox_step(request: HttpRequest, pk: UUID, step: str) -> HttpResponse:
    """Any step of a proposal: GET asks once more, with all that will be done; POST takes it."""
    by, command = by_of(request), queries.steps().get(step)
    standing = queries.standing(by.actor, pk)
    if command is None:
        raise NotFound("step")
    require(by.actor, Role(command.by), standing.row.organisation, standing.row.site, "proposal")
    asked, form, status = step_of(command, standing), None, HTTPStatus.OK
    if request.method == "POST":
        form = asked.form(request.POST)
        _, status = attempt(form, lambda: handle(ordered(command, form), pk, by))
        if status is HTTPStatus.CREATED:
            messages.success(request, asked.says.done)
            return redirect("mailbox", pk)
        standing = queries.standing(by.actor, pk)
        if command not in standing.offered:
            return _page(request, ProposalPage.of(standing, by.actor, form), status)
    elif command not in standing.offered:
        return redirect("mailbox", pk)
    facts = {
        "title": asked.says.title,
        "page": ProposalPage.of(standing, by.actor),
        "step": asked,
        "form": form or asked.form(),
    }
    return render(request, "resets/mailboxes/step.html", facts, status=status)


def _page(
    request: HttpRequest, page: ProposalPage, status: HTTPStatus = HTTPStatus.OK
) -> HttpResponse:
    title = f"Mailbox of {page.row.device_name}"
    facts = {"title": title, "page": page, "form": page.problem}
    return render(request, "resets/mailboxes/mailbox.html", facts, status=status)


urlpatterns = [
    path("mailboxes/", mailboxes, name="mailboxes"),
    path("devices/<uuid:device>/mailbox/", propose_mailbox, name="propose-mailbox"),
    path("mailboxes/<uuid:pk>/", mailbox, name="mailbox"),
    path("mailboxes/<uuid:pk>/live/", mailbox_live, name="mailbox-live"),
    path("mailboxes/<uuid:pk>/<slug:step>/", mailbox_step, name="mailbox-step"),
]
