"""Calls for proposed mailboxes. Their steps come from the contents: each has its call by itself."""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any, TypedDict
from uuid import UUID

from django.db.models import F, QuerySet
from django.urls import path
from msgspec import Meta
from rest_framework.response import Response

from devices.queries import mailbox_shown
from fleet.api.calls import ApiView, Values, call, created, only
from fleet.api.fields import Fields, Time, text
from fleet.api.pages import Pages
from fleet.api.steps import step_patterns
from fleet.eventstore.messages import Actor
from resets.mailboxes import queries
from resets.mailboxes.proposing import propose
from resets.mailboxes.state import Domain, Stage
from resets.mailboxes.steps import ProposeMailbox

_IN_PART = "Most of it hidden for viewers."


class ProposedMailbox(TypedDict):
    """A proposal that a device's Reset Password Email becomes another one. An administrator other
    than who proposed it has to agree; `digest` stands for all that will be done then.
    """

    id: UUID
    device: UUID
    device_name: str
    address: str
    organisation: UUID
    site: UUID
    site_name: str
    old_email: Annotated[str, Meta(description=f"Empty: it has none. {_IN_PART}")]
    reset_email: Annotated[str, Meta(description=f"The one that is proposed. {_IN_PART}")]
    domain: Annotated[Domain, Meta(description="What DNS says of the proposed mailbox's domain.")]
    reason: str
    proposer: str
    approver: str
    digest: Annotated[str, Meta(description="Empty for viewers.")]
    stage: Stage
    open: Annotated[bool, Meta(description="Whether anything is still to come.")]
    expires_at: Time
    answer: Annotated[str, Meta(description="Why it was declined.")]
    changed_at: Time


RENAMED = {"site_name": F("place__name")}
COLUMNS = tuple(name for name in ProposedMailbox.__annotations__ if name not in RENAMED)


class ProposalFilters(Pages, total=False):
    site: UUID
    device: UUID
    stage: Stage
    open: Annotated[bool, Meta(description="Whether anything is still to come.")]
    q: text("A part of the device's name, the reason, or who proposed it.")  # type: ignore[valid-type]


class MailboxesView(ApiView):
    @call(answer=ProposedMailbox, many=True, query=ProposalFilters)
    def get(self, asked: Values) -> Response:
        """List proposed mailboxes, the newest first."""
        seen = queries.changes(self.actor)
        wanted = {name: asked[name] for name in ("site", "device", "stage", "open")}
        rows = queries.narrowed(seen, text=asked["q"], **wanted)
        return self.page(asked, _columns(rows), ["-id"], seen, partial(_told, self.actor))


class MailboxView(ApiView):
    @call(answer=ProposedMailbox)
    def get(self, asked: Values, change_id: UUID) -> Response:
        """Show a proposed mailbox."""
        return Response(_one(self, change_id))


class ProposeView(ApiView):
    @call(answer=ProposedMailbox, status=201, body=Fields.asked_by(ProposeMailbox))
    def post(self, asked: Values, device_id: UUID) -> Response:
        """Propose another Reset Password Email for a device. An administrator has to agree to it.

        Where mail is real, the domain is looked up first; where DNS does not answer, `domain` says
        so.
        """
        begun = propose(device_id, asked["reset_email"], asked["reason"], self.by)
        return created(_one(self, begun), "api-mailbox", change_id=begun)


def _one(view: ApiView, change_id: UUID) -> dict[str, Any]:
    return _told(view.actor, only(_columns(queries.changes(view.actor)), change_id, "proposal"))


def _told(actor: Actor, row: dict[str, Any]) -> dict[str, Any]:
    at = row["organisation"], row["site"]
    shown = {name: mailbox_shown(actor, row[name], *at) for name in ("old_email", "reset_email")}
    in_full = shown["reset_email"] == row["reset_email"]
    # A guessed mailbox could be tried against the digest.
    return row | shown | {"digest": row["digest"] if in_full else ""}


def _columns(rows: QuerySet[Any]) -> QuerySet[Any, dict[str, Any]]:
    return rows.values(*COLUMNS, **RENAMED)


urlpatterns = [
    path("mailboxes/", MailboxesView.as_view(), name="api-mailboxes"),
    path("mailboxes/<uuid:change_id>/", MailboxView.as_view(), name="api-mailbox"),
    path("devices/<uuid:device_id>/mailboxes/", ProposeView.as_view(), name="api-device-mailboxes"),
    *step_patterns(
        "mailboxes/<uuid:change_id>/", "api-mailbox", queries.steps(), ProposedMailbox, _one
    ),
]
