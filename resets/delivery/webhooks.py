"""What a mail service tells of the mails, by its webhooks.

Anymail knows their addresses, their secrets and signatures, and their words; here is what its
signal comes to. The answer is the same whether or not there is such a mail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
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
from fleet.eventstore.messages import Actor, By, Command
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
from resets.rules import CodeRules
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
        mailbox, code, record = _known(mark)
        answer = cleaned(said, [mailbox, event.recipient or ""], code)
        handle(record(delivery, answer), mark.stream, SERVICE)


def _known(mark: marks.Mark) -> tuple[str, str, Callable[[Delivery, str], Command[Any]]]:
    """To which mailbox the mail went, the code in it, and the command that records news of it.

    Raises NotFound where there is no such mail.
    """
    if not mark.send:
        return state_of(MailTestState, mark.stream).recipient, "", RecordTestMail
    if mark.of_campaign:
        codes = state_of(CodesState, mark.stream)
        code = _own_code(mark, codes.rules)
        return codes.mailbox, code, partial(RecordCampaignMail, mark.send)
    if mark.of_drill:
        drill = state_of(DrillState, mark.stream)
        return drill.reset_email, _own_code(mark, drill.rules), partial(RecordDrillMail, mark.send)
    reset = state_of(ResetState, mark.stream)
    return reset.reset_email, _code(reset, mark.send), partial(RecordDelivery, mark.send)


def _own_code(mark: marks.Mark, rules: CodeRules) -> str:
    """The code that Rekey made for this mail."""
    return CodeKey(settings.REKEY_CODE_KEY).code(mark.stream, mark.send, rules.digits)


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
