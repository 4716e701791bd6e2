"""The mail with the code: what it tells, what it keeps out of its head, and how it sounds."""

from __future__ import annotations

import re
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.test import Client

from fleet.eventstore.handling import handle
from fleet.eventstore.messages import By
from fleet.eventstore.store import read_stream, state_of
from fleet.mail import MailRefused
from resets import reactions
from resets.codes import CodeKey, grouped, plain, spelled
from resets.delivery import sending
from resets.models import Reset
from resets.phone import addresses
from resets.state import ResetState
from resets.steps.send_code import SendCode
from resets.steps.show_qr import ShowQr
from tests.cast import Cast, work
from tests.fleet.eventstore.ground import device, reset

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture
def walk(who: Cast) -> UUID:
    return reset(who, device(who))


def code_of(walk: UUID) -> str:
    return CodeKey(settings.REKEY_CODE_KEY).code(walk, 1, 8)


def both(mail: Any) -> tuple[str, str]:
    """Its text, and its HTML as it reads."""
    words = re.sub(r"<[^>]+>", " ", mail.html.replace("&#x27;", "'"))
    return mail.text, re.sub(r"\s+", " ", words)


def test_it_tells_who_asked_from_where_for_what_and_how_to_say_that_it_was_not_you(
    who: Cast, walk: UUID, mail_sink: Any
) -> None:
    handle(SendCode(), walk, By(who.by(who.tess).actor, source="192.0.2.7"))
    work()
    [mail] = mail_sink.mails()
    for said in both(mail):
        for words in ("Tess", "192.0.2.7", "Gate north", "Harbour", "admin", "The installer left"):
            assert words in said
        assert "was this not you?" in said.lower()
        assert grouped(code_of(walk)) in said
    not_me = addresses.of_not_me(state_of(ResetState, walk), 1)
    assert f"    {not_me}\r\n" in mail.text or f"    {not_me}\n" in mail.text
    assert f'href="{not_me}"' in mail.html
    head = mail.source.partition("\r\n\r\n")[0] if hasattr(mail, "source") else mail.subject
    for secret in (code_of(walk), grouped(code_of(walk)), not_me.partition("#")[2]):
        assert secret not in head
        assert secret not in mail.subject
    assert code_of(walk) not in not_me


def test_by_phone_it_tells_of_the_phone_and_of_whose_qr_it_was(
    who: Cast, walk: UUID, mail_sink: Any
) -> None:
    handle(ShowQr(), walk, who.by(who.tess))
    token = addresses.of_qr(state_of(ResetState, walk)).partition("#")[2]
    Client().post("/phone/", {"token": token, "do": "yes"}, REMOTE_ADDR="192.0.2.9")
    work()
    [mail] = mail_sink.mails()
    for said in both(mail):
        assert "Tess is resetting" in said
        assert "a phone that scanned the QR on their screen" in said
        assert "192.0.2.9" in said
        assert token not in said


def test_the_code_is_read_out_digit_by_digit_where_aria_is_dropped_as_well(
    who: Cast, walk: UUID, mail_sink: Any
) -> None:
    handle(SendCode(), walk, who.by(who.tess))
    work()
    [mail] = mail_sink.mails()
    code = code_of(walk)
    assert spelled("12345678") == "1 2 3 4, 5 6 7 8"
    assert spelled("123456") == "1 2 3, 4 5 6"
    for said in both(mail):
        assert f"Digit by digit: {spelled(code)}" in said
    heard = re.sub(r'<(\w+) aria-hidden="true"[^>]*>.*?</\1>', "", mail.html, flags=re.S)
    assert grouped(code) not in heard, "else it is heard twice, once as a large number"
    assert plain(spelled(code).replace(",", "")) == code


def test_what_a_mail_server_quotes_is_kept_out_of_the_log(
    who: Cast, walk: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle(SendCode(), walk, who.by(who.tess))
    not_me = addresses.of_not_me(state_of(ResetState, walk), 1)

    def quotes(letter: Any) -> None:
        raise MailRefused(554, f"spam: {not_me} and {spelled(code_of(walk))}")

    monkeypatch.setattr(sending, "deliver", quotes)
    issued = [r for r in read_stream(walk) if r.type == "resets.code_issued"][-1]
    reactions.mail_code(issued)
    kept = Reset.objects.for_jobs().get(pk=walk).delivery_detail
    assert kept.startswith("554 spam: ")
    for secret in (not_me.partition("#")[2], spelled(code_of(walk)), code_of(walk)):
        assert secret not in kept
