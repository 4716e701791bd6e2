"""The call for what waits for somebody's answer. It is given where the thing itself is."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Literal, TypedDict
from uuid import UUID

from django.urls import path
from msgspec import Meta
from rest_framework.response import Response

from fleet.api.calls import ApiView, Values, call
from fleet.api.fields import Time, text
from resets.approvals.lines import waiting

_Kind = Literal["reset", "mailbox", "campaign", "schedule"]


class Waiting(TypedDict):
    """Something that somebody else has to agree to."""

    kind: _Kind
    id: UUID
    what: str
    why: Annotated[str, Meta(description="Why a second person is needed.")]
    device_name: Annotated[str, Meta(description="Of a campaign or schedule: its own name.")]
    site_name: str
    asker: str
    reason: str
    expires_at: Annotated[
        Time | None, Meta(description="Null: a schedule waits until somebody has answered.")
    ]


class WaitingFilters(TypedDict, total=False):
    own: Annotated[
        bool, Meta(description="What you have asked for yourself, instead of what waits for you.")
    ]
    kind: _Kind
    site: UUID
    q: text("A part of the device's name, the reason, or who asked.")  # type: ignore[valid-type]


class ApprovalsView(ApiView):
    @call(answer=Waiting, many=True, query=WaitingFilters)
    def get(self, asked: Values) -> Response:
        """List what waits for your answer, what ends first at the top."""
        lines = waiting(
            self.actor,
            own=asked["own"] or False,
            kind=asked["kind"] or "",
            site=asked["site"],
            text=asked["q"] or "",
        )
        shown = Waiting.__annotations__
        told = [{n: v for n, v in asdict(line).items() if n in shown} for line in lines]
        return self.listed(told, None)


urlpatterns = [path("approvals/", ApprovalsView.as_view(), name="api-approvals")]
