"""Codes are HOTP as RFC 4226 has it, one secret per reset, one number per send."""

from __future__ import annotations

import hmac
import struct
from hashlib import sha1, sha256
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP
from hypothesis import given
from hypothesis import strategies as st

from resets import codes
from resets.codes import CodeKey, grouped, plain

KEY = CodeKey(bytes(range(32)))
RESET = UUID("018f0000-0000-7000-8000-000000000001")

# RFC 4226, Appendix D: the secret, and the truncated values for the counters 0 to 9.
SECRET = b"12345678901234567890"
TRUNCATED = (
    1284755224, 1094287082, 137359152, 1726969429, 1640338314,
    868254676, 1918287922, 82162583, 673399871, 645520489,
)  # fmt: skip
SIX_DIGITS = (
    "755224", "287082", "359152", "969429", "338314",
    "254676", "287922", "162583", "399871", "520489",
)  # fmt: skip


@pytest.mark.parametrize("counter", range(10))
def test_the_library_generates_the_codes_of_the_rfc(counter: int) -> None:
    assert HOTP(SECRET, 6, SHA1()).generate(counter).decode() == SIX_DIGITS[counter]


@pytest.mark.parametrize("digits", [6, 7, 8])
@pytest.mark.parametrize("counter", range(10))
def test_a_code_is_the_rfcs_for_its_secret_and_the_number_of_its_send(
    monkeypatch: pytest.MonkeyPatch, counter: int, digits: int
) -> None:
    class AlwaysTheRfcs:
        def __init__(self, *arguments: Any) -> None: ...
        def derive(self, key: bytes) -> bytes:
            return SECRET

    monkeypatch.setattr(codes, "HKDF", AlwaysTheRfcs)
    expected = f"{TRUNCATED[counter] % 10**digits:0{digits}}"
    assert KEY.code(RESET, counter, digits) == expected


def by_hand(key: bytes, reset: UUID, send: int, digits: int) -> str:
    """HKDF (RFC 5869, no salt) and HOTP (RFC 4226), from nothing but HMAC."""
    extracted = hmac.digest(bytes(32), key, sha256)
    secret = hmac.digest(extracted, b"rekey code 1" + reset.bytes + b"\x01", sha256)[:20]
    mac = hmac.digest(secret, struct.pack(">Q", send), sha1)
    start = mac[-1] & 15
    number = struct.unpack(">I", mac[start : start + 4])[0] & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}}"


@given(st.binary(min_size=32, max_size=64), st.uuids(), st.integers(1, 20), st.integers(6, 8))
def test_a_code_follows_from_the_key_the_reset_and_the_send_and_from_nothing_else(
    key: bytes, reset: UUID, send: int, digits: int
) -> None:
    expected = by_hand(key, reset, send, digits)
    assert CodeKey(key).code(reset, send, digits) == expected
    assert CodeKey(key).matches(expected, reset, send, digits)
    assert len(expected) == digits


def test_no_two_sends_and_no_two_resets_have_a_code_in_common() -> None:
    resets = [UUID(int=n) for n in range(300)]
    made = [KEY.code(reset, send, 8) for reset in resets for send in (1, 2, 3)]
    # 900 of 100,000,000: by chance, 0.4 % for one pair to be equal; these ones have none.
    assert len(set(made)) == len(made)
    assert CodeKey(bytes(32)).code(RESET, 1, 8) != KEY.code(RESET, 1, 8)


def test_a_code_matches_its_own_send_and_no_other() -> None:
    code = KEY.code(RESET, 1, 8)
    assert KEY.matches(code, RESET, 1, 8)
    assert not KEY.matches(code, RESET, 2, 8)
    assert not KEY.matches(code, UUID(int=1), 1, 8)
    assert not KEY.matches(code[1:], RESET, 1, 8)
    assert not KEY.matches(code + "0", RESET, 1, 8)
    assert not KEY.matches("", RESET, 1, 8)
    assert not KEY.matches("１２３", RESET, 1, 8)


def test_zeros_in_front_are_kept() -> None:
    with_zero = next(n for n in range(1000) if KEY.code(RESET, n, 8).startswith("0"))
    code = KEY.code(RESET, with_zero, 8)
    assert len(code) == 8
    assert KEY.matches(code, RESET, with_zero, 8)
    assert not KEY.matches(code.lstrip("0"), RESET, with_zero, 8)


@pytest.mark.parametrize(
    "pasted",
    [
        "12345678",
        "1234 5678",
        "  1234-5678\r\n",
        "1234\u00a05678",  # no-break space
        "1234\u20095678\u202f",  # thin spaces
        "1234‐56‑78",  # hyphens
        "12–34—56−78",  # dashes and a minus
        "\u200b1234\u200b5678\ufeff",  # zero-width space, byte order mark
        "\u202a12345678\u202c\u200e",  # marks of direction
        "1234\u00ad5678",  # soft hyphen
        "１２３４　５６７８",  # full width
        "１２３４－５６７８",
        "١٢٣٤٥٦٧٨",  # Arabic-Indic
    ],
)
def test_a_code_is_read_as_people_paste_it(pasted: str) -> None:
    assert plain(pasted) == "12345678"


@given(st.text())
def test_what_is_no_digit_or_separator_stays_so_that_it_is_refused(text: str) -> None:
    squeezed = plain(text)
    assert plain(squeezed) == squeezed
    letters = [c for c in text if c.isalpha()]
    assert [c for c in squeezed if c.isalpha()] == letters


@given(st.integers(6, 8).flatmap(lambda n: st.text("0123456789", min_size=n, max_size=n)))
def test_what_the_mail_shows_can_be_pasted_back(code: str) -> None:
    assert plain(grouped(code)) == code
    assert " " in grouped(code)


def test_the_key_shows_nowhere() -> None:
    assert repr(KEY) == "CodeKey()"
