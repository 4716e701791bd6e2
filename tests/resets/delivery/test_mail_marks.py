"""How a mail is known again: by its Message-ID, and by metadata that services hand back."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.mail import EmailMessage
from hypothesis import given
from hypothesis import strategies as st

from resets.delivery import marks
from resets.delivery.marks import Mark

MARKS = st.builds(Mark, st.uuids(), st.integers(0, 99)) | st.builds(
    Mark, st.uuids(), st.integers(1, 99), of_drill=st.just(True)
)


@given(MARKS)
def test_a_mark_is_read_as_it_was_written(mark: Mark) -> None:
    assert marks.read(mark.reference) == mark
    assert marks.read(f"<{mark.reference}@rekey.example.com>") == mark
    assert marks.read(f" {mark.reference}@rekey.example.com ") == mark
    assert len(mark.reference) <= 80, "Postmark takes no longer metadata"


SOME = UUID("018f0000-0000-7000-8000-000000000007")  # each worker has to collect the same


@pytest.mark.parametrize(
    "text",
    [
        "",
        None,
        7,
        ["reset"],
        "<20261122.4711@example.com>",
        f"reset-{SOME}",
        f"reset-{SOME}-0",
        f"reset-{SOME}-100",
        f"reset-{SOME}-1 and more",
        f"test-{SOME}-1",
        f"test-{SOME.hex}",
        f"reset-{SOME}-1@a@b",
        f"reset-{str(SOME)[:-1]}x-1",
    ],
)
def test_anybody_elses_mail_has_no_mark(text: object) -> None:
    assert marks.read(text) is None
    assert marks.of({marks.KEY: text}, text) is None


@pytest.mark.parametrize("metadata", [None, {}, [], "x", {"other": "reset"}, {"rekey": None}])
def test_the_message_id_is_enough(metadata: object) -> None:
    mark = Mark(uuid4(), 2)
    assert marks.of(metadata, f"<{mark.reference}@localhost>") == mark


def test_metadata_is_believed_before_a_message_id_of_the_services_own() -> None:
    mark = Mark(uuid4(), 2)
    assert marks.of({"rekey": mark.reference}, str(uuid4())) == mark


HEADERS = {
    "": None,
    "resend": None,
    "mailgun": ("X-Mailgun-Variables", lambda v: json.loads(v)["rekey"]),
    "amazon_ses": ("X-Metadata", lambda v: json.loads(v)["rekey"]),
    "brevo": ("X-Mailin-custom", lambda v: json.loads(v)["rekey"]),
    "mailjet": ("X-MJ-EventPayload", lambda v: json.loads(v)["rekey"]),
    "mailtrap": ("X-MT-Custom-Variables", lambda v: json.loads(v)["rekey"]),
    "mandrill": ("X-MC-Metadata", lambda v: json.loads(v)["rekey"]),
    "postmark": ("X-PM-Metadata-rekey", str),
    "sendgrid": ("X-SMTPAPI", lambda v: json.loads(v)["unique_args"]["rekey"]),
    "sparkpost": ("X-MSYS-API", lambda v: json.loads(v)["metadata"]["rekey"]),
}


@pytest.mark.parametrize("service", HEADERS)
def test_a_letter_over_smtp_is_marked_as_its_service_takes_it(settings: Any, service: str) -> None:
    settings.REKEY_MAIL_SERVICE = service
    settings.REKEY_URL = "https://rekey.example.com"
    mark = Mark(UUID(int=7), 3)
    letter = EmailMessage("Code", "…", "rekey@example.com", ["owner@example.com"])
    mark.put_on(letter)
    sent = letter.message()
    assert sent["Message-ID"] == f"<{mark.reference}@rekey.example.com>"
    theirs = [name for name in sent if name.startswith("X-")]
    if HEADERS[service] is None:
        assert theirs == []
        return
    header, read = HEADERS[service]
    assert theirs == [header]
    assert marks.read(read("".join(sent[header].splitlines()))) == mark


def test_a_letter_over_a_services_own_interface_needs_no_header(settings: Any) -> None:
    settings.REKEY_MAIL_SERVICE = "postmark"
    settings.EMAIL_BACKEND = "anymail.backends.postmark.EmailBackend"
    letter: Any = EmailMessage("Code", "…", "rekey@example.com", ["owner@example.com"])
    Mark(UUID(int=7)).put_on(letter)
    assert letter.metadata == {"rekey": f"test-{UUID(int=7)}"}
    assert list(letter.extra_headers) == ["Message-ID"]
