"""The call for a campaign's report."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict
from uuid import UUID

from django.urls import path
from msgspec import Meta

from devices.lists.api import AsCsv, AsXlsx, FileSchema
from devices.lists.exports import answer
from fleet.api.calls import ApiView, Values, call
from fleet.api.renderers import OrjsonRenderer
from resets.campaigns.report.facts import report
from resets.campaigns.report.files import ReportForm, written


class AsPdf(OrjsonRenderer):
    media_type = ReportForm.PDF.media_type


class CampaignReport(TypedDict):
    """What has come of a campaign: about it as a whole, its tallies, and a line for each device."""


class ReportFilters(TypedDict, total=False):
    format: Annotated[ReportForm, Meta(description="CSV, if not given.")]


class CampaignReportView(ApiView):
    schema = FileSchema(ReportForm)
    renderer_classes = (OrjsonRenderer, AsCsv, AsXlsx, AsPdf)

    @call(answer=CampaignReport, query=ReportFilters)
    def get(self, asked: Values, campaign_id: UUID) -> Any:
        """Download the report of a campaign, as far as you may see its devices. It holds no
        password.
        """
        form = asked["format"] or ReportForm.CSV
        return answer(written(report(self.actor, campaign_id), form))


urlpatterns = [
    path(
        "campaigns/<uuid:campaign_id>/report/",
        CampaignReportView.as_view(),
        name="api-campaign-report",
    )
]
