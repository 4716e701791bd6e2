"""What is carried: signed, strict, and the same each time."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from devices.drivers.recovery_crypto import Completion, b64
from resets.applying import papers
from resets.applying.papers import Body, ChallengePaper, OrderPaper, Paper, ResultPaper, Signer

KEY = Signer(bytes(range(32)))
ASKED = Completion(bytes(32), b64(b"challeng"), bytes(32), "220", "admin", b"n" * 12)
ORDER = KEY.sign(
    OrderPaper(
        rekey="order/1",
        key=KEY.public,
        reset=UUID(int=1),
        number=1,
        device="Gate north",
        host="192.0.2.7",
        port=8480,
        tls=False,
        pin="",
        serial="220",
        expires_at=datetime(2026, 11, 22, 12, tzinfo=UTC),
        body=Body(**ASKED.body("12345678", "made-Up-1-today")),
    )
)


def altered(**fields: Any) -> OrderPaper:
    return msgspec.structs.replace(ORDER, **fields)


def test_an_order_is_read_as_it_was_written() -> None:
    read = papers.read(ORDER.text(), OrderPaper)
    assert read == ORDER
    assert papers.is_signed(read)
    turned = json.dumps(dict(reversed(json.loads(ORDER.text()).items())))
    assert papers.is_signed(papers.read(turned, OrderPaper)), "whatever the order of its fields"


@pytest.mark.parametrize(
    "other",
    [
        altered(host="192.0.2.8"),
        altered(port=80),
        altered(number=2),
        altered(reset=UUID(int=2)),
        altered(serial="221"),
        altered(device="Gate south"),
        altered(expires_at=ORDER.expires_at + timedelta(seconds=1)),
        altered(body=msgspec.structs.replace(ORDER.body, sealed="A" * 235)),
        altered(signature=""),
        altered(signature="A" * 86),
        altered(key=Signer(bytes(32)).public),
        altered(key="A" * 43),
    ],
)
def test_one_that_was_altered_is_not_signed(other: OrderPaper) -> None:
    assert not papers.is_signed(other)


def test_it_shows_neither_the_password_nor_the_code() -> None:
    for secret in ("made-Up-1-today", "12345678", b64(b"made-Up-1-today"), b64(b"12345678")):
        assert secret not in ORDER.text()


def test_the_key_comes_from_the_servers_and_is_none_of_its_others() -> None:
    assert Signer(bytes(range(32))).public == KEY.public != Signer(bytes(32)).public
    assert papers.fingerprint(KEY.public) != papers.fingerprint(Signer(bytes(32)).public)
    assert len(papers.fingerprint(KEY.public).split()) == 8


@pytest.mark.parametrize("kind", [ChallengePaper, OrderPaper, ResultPaper])
@pytest.mark.parametrize(
    "text",
    ["", "null", "[]", '"order/1"', "{}", "\0", "[" * 5000, "{" * 5000, "9" * 5000, "é" * 9000],
)
def test_what_is_none_is_not_read(text: str, kind: type[Paper]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        papers.read(text, kind)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("rekey", "result/1"),
        ("number", 0),
        ("number", 10**9),
        ("port", 0),
        ("port", "80"),
        ("host", "x" * 254),
        ("serial", ""),
        ("pin", "ab"),
        ("expires_at", "2026-11-22T12:00:00"),
        ("signature", "A" * 85),
        ("more", 1),
    ],
)
def test_nothing_but_its_fields_is_in_it(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r".+"):
        papers.read(json.dumps({**json.loads(ORDER.text()), field: value}), OrderPaper)
