"""Tokens of QRs and mails: what is altered anywhere is nothing, and nobody learns why."""

from __future__ import annotations

import hmac
import os
from base64 import b32decode, b32encode
from hashlib import sha256
from statistics import median
from time import perf_counter
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import assume, given
from hypothesis import strategies as st

from fleet.eventstore.testing import NOW
from resets.applying.state import Taken
from resets.codes import CodeKey
from resets.phone.tokens import Claim, Kind, PhoneKey, read
from resets.state import ResetState

KEY = PhoneKey(bytes(range(32)))
RESET, DEVICE = UUID(int=2**127 + 7), UUID(int=2**126 + 5)
KINDS = st.sampled_from(Kind)
NUMBERS = st.integers(0, 2**16 - 1)
CHALLENGES = st.none() | st.builds(
    Taken, st.just(1), st.text(), st.text(), st.just("S1"), st.just(NOW)
)
STATES = st.builds(ResetState, st.uuids(), subject=st.uuids(), taken=CHALLENGES)
STATE = ResetState(RESET, subject=DEVICE)
TOKEN = KEY.token(Kind.QR, STATE, 3)


def holds(text: str, kind: Kind = Kind.QR, reset: ResetState = STATE) -> bool:
    return KEY.holds(read(text), kind, reset)


@given(KINDS, STATES, NUMBERS)
def test_a_token_opens_what_it_was_made_for(kind: Kind, reset: ResetState, number: int) -> None:
    token = KEY.token(kind, reset, number)
    claim = read(token)
    assert (claim.kind, claim.reset, claim.number) == (kind, reset.id, number)
    assert KEY.holds(claim, kind, reset)
    assert token.isascii() and token.isalnum() and len(token) == 56


def test_its_last_part_is_128_bits_of_an_hmac_under_a_key_of_its_own() -> None:
    own = HKDF(SHA256(), 32, None, b"rekey phone 1").derive(KEY.key)
    said = b"\x01" + RESET.bytes + b"\x00\x03"
    mac = hmac.digest(own, said + DEVICE.bytes, sha256)[:16]
    assert b32decode(TOKEN) == said + mac
    assert own != KEY.key


@given(st.integers(0, 279))
def test_one_bit_altered_anywhere_and_it_is_nothing(bit: int) -> None:
    said = bytearray(b32decode(TOKEN))
    said[bit // 8] ^= 1 << bit % 8
    assert not holds(b32encode(said).decode())
    assert not holds(b32encode(said).decode(), Kind.NOT_ME)


@given(st.integers(0, 55), st.characters(codec="utf-8"))
def test_one_letter_altered_anywhere_and_it_is_nothing(place: int, letter: str) -> None:
    assume(letter.upper() != TOKEN[place])
    altered = TOKEN[:place] + letter + TOKEN[place + 1 :]
    assert not holds(altered)


@given(st.text(max_size=400))
def test_whatever_else_is_sent_is_read_as_nothing(text: str) -> None:
    assume(len(text) < 56)
    assert read(text) == Claim()
    assert not holds(text)


@given(KINDS, STATES, NUMBERS)
def test_it_opens_nothing_else(kind: Kind, reset: ResetState, number: int) -> None:
    assume(reset != STATE)
    assert KEY.token(kind, reset, number) != TOKEN
    assert not holds(TOKEN, kind, reset)
    assert not holds(TOKEN, kind, reset.but(id=RESET, subject=uuid4()))
    assert not holds(TOKEN, Kind.NOT_ME)
    assert not PhoneKey(bytes(32)).holds(read(TOKEN), Kind.QR, STATE)


@given(CHALLENGES)
def test_a_qr_is_of_one_challenge_and_a_mail_of_any(taken: Taken | None) -> None:
    challenged = STATE.but(taken=taken)
    assert holds(TOKEN, Kind.QR, challenged) == (taken is None)
    assert holds(KEY.token(Kind.NOT_ME, STATE, 3), Kind.NOT_ME, challenged)


def test_nothing_is_true_of_a_reset_that_there_is_not() -> None:
    nothing = ResetState(RESET)
    assert not holds(KEY.token(Kind.QR, nothing, 3), Kind.QR, nothing)


@pytest.mark.parametrize(
    "pasted",
    [
        TOKEN,
        TOKEN.lower(),
        f"  {TOKEN}\r\n",
        f"https://rekey.example.com/phone/#{TOKEN}",
        f"http://127.0.0.1:8000/phone/#{TOKEN.lower()}",
        " ".join(TOKEN[i : i + 8] for i in range(0, 56, 8)),
        "-".join(TOKEN[i : i + 4] for i in range(0, 56, 4)),
    ],
)
def test_it_is_read_as_people_paste_it(pasted: str) -> None:
    assert holds(pasted)


def test_it_says_nothing_of_the_code() -> None:
    codes = CodeKey(KEY.key)
    assert all(codes.code(RESET, n, 8) not in TOKEN for n in range(20))


def test_neither_key_nor_mac_shows_anywhere() -> None:
    assert repr(KEY) == "PhoneKey()"
    assert read(TOKEN).mac.hex() not in repr(read(TOKEN))
    assert "mac" not in repr(read(TOKEN))


def test_it_takes_as_long_to_refuse_a_token_that_is_nearly_right_as_one_that_is_nothing() -> None:
    nearly = b32encode(b32decode(TOKEN)[:-1] + bytes([b32decode(TOKEN)[-1] ^ 1])).decode()
    other = (
        KEY.token(Kind.QR, STATE.but(id=uuid4()), 3)[:-26]
        + b32encode(os.urandom(35)).decode()[-26:]
    )
    times: dict[str, list[float]] = {nearly: [], other: [], "nothing at all": []}
    for _ in range(300):
        for text, taken in times.items():
            begun = perf_counter()
            holds(text)
            taken.append(perf_counter() - begun)
    slowest, *_, quickest = sorted((median(taken) for taken in times.values()), reverse=True)
    assert slowest < 2 * quickest
