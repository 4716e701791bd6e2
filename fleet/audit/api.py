"""Calls for everything that happened."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

from django.urls import path
from msgspec import Meta
from rest_framework.response import Response

from fleet.api.calls import ApiView, Values, call
from fleet.api.fields import Time, text
from fleet.api.pages import USUAL, Pages
from fleet.audit import queries
from fleet.audit.veils import data_for
from fleet.eventstore.messages import Actor, Recorded


class Who(TypedDict):
    """Who did it: a person, a token that a person made, or a job of Rekey's own. Where nobody has
    signed in: whoever scanned a QR with a phone, or reads a device's mailbox.
    """

    kind: Literal["person", "token", "job", "phone", "mailbox"]
    id: str
    name: str


class Happened(TypedDict):
    """A fact, in the past tense, never changed. `hash` is over it and over `previous`, the hash of
    the event before it in its stream (hex).
    """

    id: UUID
    stream: UUID
    version: int
    type: str
    schema: int
    at: Time
    actor: Who
    source: str
    reason: str
    correlation: UUID
    causation: UUID | None
    organisation: UUID | None
    site: UUID | None
    subject: UUID | None
    sentence: Annotated[str, Meta(description="What happened, for people.")]
    data: Annotated[
        dict[str, Any],
        Meta(description="As it was hashed, but that mailboxes are in part for viewers."),
    ]
    previous: str
    hash: str


class EventFilters(Pages, total=False):
    device: Annotated[UUID, Meta(description="What is about this device.")]
    stream: Annotated[
        UUID, Meta(description="One history alone: that of a reset, device, site or token.")
    ]
    correlation: Annotated[
        UUID, Meta(description="All that came of one request. A reset's is its own id.")
    ]
    site: UUID
    type: text("Such as `resets.code_rejected`.", 80)  # type: ignore[valid-type]
    who: text("A part of the name of who did it.")  # type: ignore[valid-type]
    since: Annotated[Time, Meta(description="From then on.")]
    until: Annotated[Time, Meta(description="Before then.")]


PLAIN = ("stream", "correlation", "site", "type", "who", "since", "until")


class EventsView(ApiView):
    @call(answer=Happened, many=True, query=EventFilters)
    def get(self, asked: Values) -> Response:
        """List what happened, the newest first."""
        found, behind = queries.history(
            self.actor,
            subject=asked["device"],
            **{name: asked[name] for name in PLAIN},
            cursor=asked["cursor"],
            size=asked["limit"] or USUAL,
        )
        return self.listed([_told(self.actor, recorded) for recorded in found], behind)


def _told(actor: Actor, recorded: Recorded) -> dict[str, Any]:
    who = recorded.actor
    return {
        "id": recorded.id,
        "stream": recorded.stream,
        "version": recorded.version,
        "type": recorded.type,
        "schema": recorded.schema,
        "at": recorded.at,
        "actor": {"kind": who.kind, "id": who.id, "name": who.name},
        "source": recorded.source,
        "reason": recorded.reason,
        "correlation": recorded.correlation,
        "causation": recorded.causation,
        "organisation": recorded.organisation,
        "site": recorded.site,
        "subject": recorded.subject,
        "sentence": recorded.sentence,
        "data": data_for(actor, recorded),
        "previous": recorded.previous.hex(),
        "hash": recorded.hash.hex(),
    }


class ParkedJob(TypedDict):
    """What Rekey has to do because of an event, and gave up after too many attempts."""

    id: UUID
    reaction: str
    error: Annotated[str, Meta(description="The kind of error of the last attempt.")]
    attempts: int
    event: Happened


class JobsView(ApiView):
    @call(answer=ParkedJob, many=True)
    def get(self, asked: Values) -> Response:
        """List parked jobs, the newest first, where you are an administrator; 500 at most."""
        return self.listed([_parked(self.actor, one) for one in queries.parked(self.actor)], None)


class RetryJobView(ApiView):
    @call(answer=ParkedJob, status=202)
    def post(self, asked: Values, job_id: UUID) -> Response:
        """Take a parked job up again, from its first attempt."""
        retried = queries.retry(self.actor, job_id)
        return Response(_parked(self.actor, retried), HTTPStatus.ACCEPTED)


def _parked(actor: Actor, one: queries.Parked) -> dict[str, Any]:
    return {
        "id": one.id,
        "reaction": one.reaction,
        "error": one.error,
        "attempts": one.attempts,
        "event": _told(actor, one.event),
    }


urlpatterns = [
    path("events/", EventsView.as_view(), name="api-events"),
    path("jobs/", JobsView.as_view(), name="api-jobs"),
    path("jobs/<uuid:job_id>/retry/", RetryJobView.as_view(), name="api-job-retry"),
]
