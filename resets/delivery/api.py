"""Calls for mail delivery in numbers, and for test mails."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, TypedDict
from uuid import UUID
from zoneinfo import ZoneInfo

from django.urls import path
from msgspec import Meta
from rest_framework.response import Response

from devices import queries as devices
from fleet.api.calls import ApiView, Values, call, created, only
from fleet.api.fields import Fields, Time, text
from fleet.api.pages import USUAL, Pages, exactly, piece_of
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from resets.delivery import queries
from resets.delivery.queries import MOST_DAYS, Group, Wanted
from resets.delivery.steps import SendTestMail, SendTestMailTo
from resets.state import Delivery


class MailCounts(TypedDict):
    """How many mails stand at what; see `Delivery`."""

    queued: int
    deferred: int
    handed_over: int
    held_up: int
    refused: int
    delivered: int
    bounced: int
    spam: int


class MailDelivery(TypedDict):
    """The mails with codes to one mail domain that were asked for on one day."""

    id: UUID
    day: date
    domain: str
    mails: int
    counts: MailCounts
    failed: Annotated[int, Meta(description="Refused, come back, or marked as spam.")]
    failure_rate: Annotated[
        float, Meta(ge=0, le=1, description="Of those that are not on their way any more.")
    ]
    last_answer: Annotated[
        str, Meta(description="What a mail server or service said last, without the mailbox.")
    ]


class DeliveryFilters(Pages, total=False):
    site: Annotated[UUID, Meta(description="Its mails alone, by the days of its own zone.")]
    domain: text("A part of the mail domain.")  # type: ignore[valid-type]
    days: Annotated[int, Meta(ge=1, le=MOST_DAYS, description="So many days; else 30.")]
    until: Annotated[date, Meta(description="Up to this day, that one as well; else today.")]


class DeliveriesView(ApiView):
    @call(answer=MailDelivery, many=True, query=DeliveryFilters)
    def get(self, asked: Values) -> Response:
        """Count mails with codes by day and mail domain, where you are an administrator: the newest
        day first.
        """
        wanted = _wanted(self, asked)
        counted = queries.groups(self.actor, wanted)
        found, behind = piece_of(counted, asked["cursor"], asked["limit"] or USUAL)
        said = queries.answers(self.actor, wanted, found)
        return self.listed([_group(group, said.get(group.id, "")) for group in found], behind)


class TestMail(TypedDict):
    """A mail without a code, to see whether mails get through. No device is touched."""

    id: UUID
    organisation: UUID
    site: UUID
    device: UUID | None
    device_name: str
    mailbox: Annotated[str, Meta(description="Most of it hidden.")]
    asker: str
    asked_at: Time
    delivery: Delivery
    answer: Annotated[str, Meta(description="What the mail server or service said.")]
    changed_at: Time


COLUMNS = tuple(TestMail.__annotations__)


class TestMailFilters(Pages, total=False):
    site: UUID
    device: UUID


class TestMailsView(ApiView):
    @call(answer=TestMail, many=True, query=TestMailFilters)
    def get(self, asked: Values) -> Response:
        """List test mails, the newest first."""
        seen = queries.mail_tests(self.actor)
        rows = exactly(seen, asked, "site", "device")
        return self.page(asked, rows.values(*COLUMNS), ["-id"], seen)

    @call(answer=TestMail, status=201, body=Fields.asked_by(SendTestMailTo))
    def post(self, asked: Values) -> Response:
        """Send a test mail to any mailbox, as an administrator of the site."""
        test = new_id()
        handle(SendTestMailTo(**asked), test, self.by)
        return created(_test(self, test), "api-test-mail", test_mail_id=test)


class TestMailView(ApiView):
    @call(answer=TestMail)
    def get(self, asked: Values, test_mail_id: UUID) -> Response:
        """Show a test mail, and what became of it."""
        return Response(_test(self, test_mail_id))


class DeviceTestMailView(ApiView):
    @call(answer=TestMail, status=201)
    def post(self, asked: Values, device_id: UUID) -> Response:
        """Send a test mail to the device's Reset Password Email. The device hears nothing of it."""
        test = new_id()
        handle(SendTestMail(device_id), test, self.by)
        return created(_test(self, test), "api-test-mail", test_mail_id=test)


def _wanted(view: ApiView, asked: Values) -> Wanted:
    site, zone = asked["site"], ZoneInfo("UTC")
    if site is not None:
        row = devices.site_names(queries.administered(view.actor)).filter(pk=site).first()
        zone = ZoneInfo(row.timezone) if row else zone
    domain = asked["domain"] or ""
    return Wanted.last(asked["days"] or 30, zone, asked["until"], site=site, domain=domain)


def _group(group: Group, answer: str) -> dict[str, Any]:
    return {
        "id": group.id,
        "day": group.day,
        "domain": group.domain,
        "mails": group.mails,
        "counts": {name: group.of(Delivery(name)) for name in MailCounts.__annotations__},
        "failed": group.failed,
        "failure_rate": group.failure_rate,
        "last_answer": answer,
    }


def _test(view: ApiView, test: UUID) -> Any:
    return only(queries.mail_tests(view.actor).values(*COLUMNS), test, "test mail")


urlpatterns = [
    path("deliveries/", DeliveriesView.as_view(), name="api-deliveries"),
    path("test-mails/", TestMailsView.as_view(), name="api-test-mails"),
    path("test-mails/<uuid:test_mail_id>/", TestMailView.as_view(), name="api-test-mail"),
    path(
        "devices/<uuid:device_id>/test-mail/",
        DeviceTestMailView.as_view(),
        name="api-device-test-mail",
    ),
]
