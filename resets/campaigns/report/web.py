"""The report of a campaign, for people to download."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, StreamingHttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from devices.lists.exports import answer
from fleet.accounts.middleware import by_of
from fleet.errors import NotFound
from resets.campaigns.report.facts import report
from resets.campaigns.report.files import ReportForm, written


@login_required
@require_safe
def campaign_report(request: HttpRequest, pk: UUID) -> StreamingHttpResponse:
    """The report as PDF, or as what `format` says."""
    by = by_of(request)
    try:
        form = ReportForm(request.GET.get("format", ReportForm.PDF))
    except ValueError:
        raise NotFound("page") from None
    return answer(written(report(by.actor, pk), form))


urlpatterns = [path("campaigns/<uuid:pk>/report/", campaign_report, name="campaign-report")]
