"""Mail over a mail service's own interface, by django-anymail: its answers become ours.

The service is a server on this machine that answers as it is told.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.core.mail import EmailMessage

from fleet import mail
from fleet.mail import MailDeferred, MailRefused, deliver

TAKEN = {
    "ErrorCode": 0,
    "Message": "OK",
    "MessageID": "b7bc2f4a-e38e-4336-af7d-e6c392c2f817",
    "SubmittedAt": "2026-11-22T12:00:00Z",
    "To": "owner@example.com",
}


class Service(HTTPServer):
    """Answers each call with `status` and `body`, and keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.body = 200, json.dumps(TAKEN)
        self.sent: list[dict[str, Any]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Service

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.sent.append(json.loads(self.rfile.read(length)))
        self.send_response(self.server.status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(self.server.body.encode())

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def service(settings: Any) -> Iterator[Service]:
    running = Service()
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    settings.ANYMAIL = {
        "POSTMARK_SERVER_TOKEN": "made-up",
        "POSTMARK_API_URL": f"http://127.0.0.1:{running.server_address[1]}/",
        "IGNORE_UNSUPPORTED_FEATURES": True,
        "REQUESTS_TIMEOUT": 5,
    }
    yield running
    mail.hang_up()
    running.shutdown()
    running.server_close()
    thread.join()


def letter() -> EmailMessage:
    made = EmailMessage("Hello", "Text", "rekey@example.com", ["owner@example.com"])
    made.metadata = {"rekey": "test-1"}  # type: ignore[attr-defined]
    return made


def test_a_mail_is_handed_over_with_its_metadata(service: Service) -> None:
    reply = deliver(letter())
    assert (reply.code, "anymail.backends.postmark" in reply.text) == (0, True)
    [sent] = service.sent
    assert sent["Metadata"] == {"rekey": "test-1"}
    assert sent["To"] == "owner@example.com"


@pytest.mark.parametrize("status", [422, 400, 404])
def test_what_the_service_refuses_is_refused_for_good(service: Service, status: int) -> None:
    service.status = status
    service.body = '{"ErrorCode": 300, "Message": "Invalid \'To\' address"}'
    with pytest.raises(MailRefused) as refused:
        deliver(letter())
    assert refused.value.code == status
    assert "Invalid 'To' address" in refused.value.text


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_what_may_pass_is_tried_again(service: Service, status: int) -> None:
    service.status, service.body = status, "{}"
    with pytest.raises(MailDeferred) as deferred:
        deliver(letter())
    assert deferred.value.code == status


def test_a_mailbox_that_the_service_does_not_serve_is_refused(service: Service) -> None:
    service.body = json.dumps({"ErrorCode": 406, "Message": "inactive: owner@example.com"})
    service.status = 422
    with pytest.raises(MailRefused):
        deliver(letter())


def test_a_service_that_is_gone_is_tried_again(service: Service, settings: Any) -> None:
    settings.ANYMAIL["POSTMARK_API_URL"] = "http://127.0.0.1:1/"
    mail.hang_up()
    with pytest.raises(MailDeferred, match="cannot be reached"):
        deliver(letter())


def test_a_line_break_in_a_header_is_refused(service: Service) -> None:
    made = letter()
    made.subject = "Hello\nBcc: other@example.com"
    with pytest.raises(MailRefused):
        deliver(made)
    assert service.sent == []


def test_an_answer_is_kept_long_enough_to_find_what_it_quotes(service: Service) -> None:
    service.status = 422
    service.body = json.dumps({"ErrorCode": 300, "Message": "x" * 400 + " owner@example.com"})
    with pytest.raises(MailRefused, match=r"owner@example\.com"):
        deliver(letter())
