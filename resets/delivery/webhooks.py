"""What a mail service tells of the mails, by its webhooks.

Anymail knows their addresses, their secrets and signatures, and their words; here is what its
signal comes to. The answer is the same whether or not there is such a mail.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from anymail.exceptions import AnymailAPIError, AnymailWebhookValidationFailure
from anymail.signals import AnymailTrackingEvent, EventType, tracking
from anymail.webhooks.base import AnymailCoreWebhookView
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.dispatch import receiver
from django.http import HttpRequest
from django.urls import URLPattern, path

from devices.drivers.errors import DeviceError
from devices.vault import VaultError
from fleet.errors import NotFound
from fleet.eventstore.handling import handle
from fleet.eventstore.messages import Actor, By
from fleet.eventstore.store import state_of
from resets.applying.challenges import code_key_of
from resets.campaigns.state import CodesState
from resets.campaigns.steps.codes import RecordCampaignMail
from resets.codes import CodeKey
from resets.delivery import marks
from resets.delivery.answers import cleaned
from resets.delivery.state import MailTestState
from resets.delivery.steps import RecordTestMail
from resets.readiness.state import DrillState
from resets.readiness.steps import RecordDrillMail
from resets.state import Delivery, ResetState
from resets.steps.deliver_code import RecordDelivery

# Queued and sent are less than what the worker knows; opened and clicked are nobody's business.
NEWS = {
    EventType.DEFERRED: Delivery.HELD_UP,
    EventType.REJECTED: Delivery.REFUSED,
    EventType.FAILED: Delivery.REFUSED,
    EventType.DELIVERED: Delivery.DELIVERED,
    EventType.BOUNCED: Delivery.BOUNCED,
    EventType.COMPLAINED: Delivery.SPAM,
}
SERVICE = By(Actor.job("the mail service"))


@receiver(tracking)
def record_news(event: AnymailTrackingEvent, **_: Any) -> None:
    """Record what became of a mail of ours. Of others, nothing is said."""
    mark, delivery = marks.of(event.metadata, event.message_id), NEWS.get(event.event_type)
    if mark is None or delivery is None:
        return
    said = event.mta_response or event.description or event.reject_reason or ""
    with suppress(NotFound):
        if not mark.send:
            test = state_of(MailTestState, mark.stream)
            answer = cleaned(said, [test.recipient, event.recipient or ""])
            handle(RecordTestMail(delivery, answer), test.id, SERVICE)
            return
        if mark.of_campaign:
            codes = state_of(CodesState, mark.stream)
            code = CodeKey(settings.REKEY_CODE_KEY).code(codes.id, mark.send, codes.rules.digits)
            answer = cleaned(said, [codes.mailbox, event.recipient or ""], code)
            handle(RecordCampaignMail(mark.send, delivery, answer), codes.id, SERVICE)
            return
        if mark.of_drill:
            drill = state_of(DrillState, mark.stream)
            code = CodeKey(settings.REKEY_CODE_KEY).code(drill.id, mark.send, drill.rules.digits)
            answer = cleaned(said, [drill.reset_email, event.recipient or ""], code)
            handle(RecordDrillMail(mark.send, delivery, answer), drill.id, SERVICE)
            return
        reset = state_of(ResetState, mark.stream)
        mailboxes = [reset.reset_email, event.recipient or ""]
        answer = cleaned(said, mailboxes, _code(reset, mark.send))
        handle(RecordDelivery(mark.send, delivery, answer), reset.id, SERVICE)


def _code(reset: ResetState, send: int) -> str:
    """The code that the mail had; "" where there is none any more."""
    try:
        return code_key_of(reset).code(reset.id, send, reset.digits)
    except (DeviceError, VaultError):
        return ""


# --- where they arrive ----------------------------------------------------------------------------


def addresses(service: str) -> list[URLPattern]:
    """The webhook of the service that is in use, where anymail's documentation has it; of no other.

    Raises ImproperlyConfigured for a service that is not known, or without a secret (whoever finds
    the address could say what they like of every mail), or without what the service itself needs.
    """
    if not service:
        return []
    from anymail.urls import urlpatterns  # it loads every service there is

    known = {
        pattern.name.removesuffix("_tracking_webhook"): pattern
        for pattern in urlpatterns
        if pattern.name.endswith("_tracking_webhook")
    }
    if service not in known:
        raise ImproperlyConfigured(f"REKEY_MAIL_SERVICE is one of: {', '.join(sorted(known))}.")
    if ":" not in settings.ANYMAIL.get("WEBHOOK_SECRET", ""):
        raise ImproperlyConfigured(
            "REKEY_MAIL_SERVICE needs ANYMAIL_WEBHOOK_SECRET, such as a-name:a-long-password, and "
            "the same in the webhook's address: https://a-name:a-long-password@…"
        )
    view = _checked(known[service].callback.view_class)
    view()  # what its own settings lack is said now, not at the first webhook
    return [path(f"anymail/{service}/tracking/", view.as_view(), name="mail-webhook")]


def _checked(view: type[AnymailCoreWebhookView]) -> type[AnymailCoreWebhookView]:
    """The view, with an answer of 400 also to what is no webhook at all. (It would break off.)"""

    class Webhook(view):  # type: ignore[misc]
        def run_validators(self, request: HttpRequest) -> None:
            with _as_a_refusal():
                super().run_validators(request)

        def parse_events(self, request: HttpRequest) -> list[AnymailTrackingEvent]:
            with _as_a_refusal():
                return list(super().parse_events(request))

    return Webhook


@contextmanager
def _as_a_refusal() -> Iterator[None]:
    try:
        yield
    except (AnymailAPIError, AttributeError, LookupError, TypeError, ValueError):
        # Without the cause: it may quote what was sent.
        raise AnymailWebhookValidationFailure("This is no webhook of the mail service.") from None
