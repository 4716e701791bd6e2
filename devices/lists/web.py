"""The console's pages of imports and exports of lists of devices.

Each view makes one call of the domain; what may be done and what is refused is decided there.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.datastructures import MultiValueDict
from django.views.decorators.http import require_POST, require_safe

from devices import queries
from devices.filters import DeviceFilters
from devices.lists import exports, imports, writing
from devices.lists.columns import READ
from devices.lists.page import ImportPage
from devices.lists.reading import LARGEST, MOST_LINES, too_large
from devices.lists.writing import Form
from devices.steps.import_devices import CheckImport
from fleet.accounts.access import may
from fleet.accounts.middleware import by_of
from fleet.accounts.state import Role
from fleet.errors import Forbidden
from fleet.eventstore.messages import Actor
from fleet.web.answers import loaded_anew
from fleet.web.command_forms import attempt
from fleet.web.forms import show_refusal
from fleet.web.live import live_part
from fleet.web.requests import page_of, require_safe_or_POST

PER_PAGE = 100
RECENT = 10


class ListForm(forms.Form):
    """Which list, and where its devices are."""

    site = forms.TypedChoiceField(
        label="Site",
        coerce=UUID,
        help_text="Where devices are whose line names no site.",
    )
    content = forms.FileField(
        label="File",
        help_text=f"CSV or XLSX, with at most {MOST_LINES:,} devices.",
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx"}),
    )

    def __init__(
        self,
        actor: Actor,
        answers: Mapping[str, Any] | None = None,
        files: MultiValueDict[str, UploadedFile[bytes]] | None = None,
        site: str = "",
    ) -> None:
        super().__init__(answers, files, initial={"site": site} if site else {})
        role = Role(CheckImport.by)
        sites = [s for s in queries.site_names(actor) if may(actor, role, s.organisation, s.site)]
        chosen = self.fields["site"]
        assert isinstance(chosen, forms.ChoiceField)
        chosen.choices = [(str(one.pk), one.name) for one in sites]

    @property
    def asked(self) -> tuple[UUID, str, bytes]:
        """The site, the file's name, and no more of it than shows that it is too large."""
        file: UploadedFile[bytes] = self.cleaned_data["content"]
        return self.cleaned_data["site"], file.name or "", file.read(LARGEST + 1)


@login_required
@require_safe_or_POST
def import_devices(request: HttpRequest) -> HttpResponse:
    """Ask for a list, and do its dry run."""
    by = by_of(request)
    if not any(grant.role.rank >= Role(CheckImport.by).rank for grant in by.actor.grants):
        raise Forbidden(
            "role_too_low", "Your role does not add devices. Ask an operator of the site."
        )
    form, status = ListForm(by.actor, site=request.GET.get("site", "")), HTTPStatus.OK
    if request.method == "POST":
        form = ListForm(by.actor, request.POST, request.FILES)
        if not request.FILES and int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST:
            form.errors.clear()  # it was let pass by unread, and is not there for the form
            show_refusal(form, too_large())
        checked, status = attempt(form, lambda: imports.check(*form.asked, by))
        if checked is not None:
            return redirect("import", checked)
    facts = {
        "title": "Import devices",
        "form": form,
        "columns": READ,
        "recent": [ImportPage(row) for row in imports.owned(by.actor)[:RECENT]],
    }
    return render(request, "devices/import_devices.html", facts, status=status)


@login_required
@require_safe
def import_(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The dry run line by line, and what has come of it."""
    page = ImportPage(imports.own(by_of(request).actor, pk))
    show = request.GET.get("show", "")
    facts = {
        "title": f"Import of {page.row.file}",
        "import": page,
        "tabs": page.tabs(show),
        "page": page_of(request, page.found(show), PER_PAGE),
    }
    return render(request, "devices/import.html", facts)


@login_required
@require_safe
def import_live(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How far the job is; once it is through, the page comes anew."""
    page = ImportPage(imports.own(by_of(request).actor, pk))
    if not page.under_way:
        return loaded_anew()
    return live_part(request, "devices/import_live.html", page.version, lambda: {"import": page})


@login_required
@require_POST
def apply_import(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Have the list applied."""
    imports.apply(pk, by_of(request))
    return redirect("import", pk)


@login_required
@require_POST
def discard_import(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Delete the list before its time."""
    imports.discard(pk, by_of(request))
    messages.success(request, "The list is deleted. Nothing was changed.")
    return redirect("import-devices")


@login_required
@require_safe
def import_template(request: HttpRequest) -> StreamingHttpResponse:
    """A list to fill in."""
    return exports.answer(writing.template(_form(request)))


@login_required
@require_safe
def export_devices(request: HttpRequest) -> StreamingHttpResponse:
    """The devices that the console's list shows with these filters, all of them."""
    actor = by_of(request).actor
    found = DeviceFilters(actor, request.GET).found()
    return exports.answer(exports.export(actor, found, _form(request)))


def _form(request: HttpRequest) -> Form:
    return Form.XLSX if request.GET.get("format") == Form.XLSX else Form.CSV


import_urlpatterns = [
    path("devices/import/", import_devices, name="import-devices"),
    path("devices/import/template/", import_template, name="import-template"),
    path("devices/import/<uuid:pk>/", import_, name="import"),
    path("devices/import/<uuid:pk>/live/", import_live, name="import-live"),
    path("devices/import/<uuid:pk>/apply/", apply_import, name="apply-import"),
    path("devices/import/<uuid:pk>/discard/", discard_import, name="discard-import"),
    path("devices/export/", export_devices, name="export-devices"),
]
