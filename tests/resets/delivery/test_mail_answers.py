"""What is kept of a mail server's words: what helps people, and nothing that opens anything."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resets.codes import grouped, spelled
from resets.delivery.answers import LONGEST, cleaned, told

MAILBOX, CODE = "Owner.One+cams@Example.com", "10485523"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("550 5.1.1 <owner.one+CAMS@example.com>: unknown", "550 5.1.1 <O•••s@E•••e.com>: unknown"),
        ("user owner.one+cams unknown", "user O•••s unknown"),
        ("no mailbox owner.one here", "no mailbox O•••e here"),
        ("bounces+owner.one=example.com@x.net", "bounces+O•••e=example.com@x.net"),
        ("to=owner.one%40example.com", "to=O•••e%40example.com"),
        ("the owner.ones are fine", "the owner.ones are fine"),
        ("250 2.0.0 Ok: queued as 4bQzR71jXkz9W", "250 2.0.0 Ok: queued as 4bQzR71jXkz9W"),
        ("two\r\nlines\tand \x1b[31mred", "two lines and [31mred"),
    ],
)
def test_a_mailbox_is_shown_in_part_however_it_is_written(said: str, kept: str) -> None:
    assert cleaned(said, [MAILBOX]) == kept


@pytest.mark.parametrize("shown", [CODE, grouped(CODE), spelled(CODE), "1048-5523", "1048.5523"])
def test_a_code_is_never_kept(shown: str) -> None:
    assert cleaned(f"spam: «The code is {shown}.»", [MAILBOX], CODE) == "spam: «The code is ….»"


def test_whatever_might_open_something_is_not_kept() -> None:
    token = "AEAVX4MXH5BDKGLHYZGYKZQK7M2F5Q7IUU4EYKOYF2CWM3FM2B6QSXCE"
    kept = cleaned(f"blocked: https://rekey.example.com/not-me/#{token}", [MAILBOX])
    assert kept == "blocked: https://rekey.example.com/not-me/#…"


@given(st.integers(0, 10**8 - 1), st.integers(0, 400), st.sampled_from([str, grouped, spelled]))
def test_no_cut_shows_a_part_of_a_code(number: int, before: int, write: object) -> None:
    code = f"{number:08}"
    said = "x" * before + " " + write(code) + " y" * 200  # type: ignore[operator]
    kept = cleaned(said, [MAILBOX], code)
    assert len(kept) <= LONGEST
    assert not re.search(r"\d", kept)


def test_several_mailboxes_may_be_meant_and_none() -> None:
    assert cleaned("to a.bee@x.org and c.dee@y.org", ["a.bee@x.org", "", "c.dee@y.org"]) == (
        "to a•••e@x•••.org and c•••e@y•••.org"
    )
    assert cleaned("250 ok", []) == "250 ok"


def test_a_short_name_is_no_reason_to_spoil_a_sentence() -> None:
    assert cleaned("no such user", ["no@example.com"]) == "no such user"


def test_rekeys_own_words_are_left_alone() -> None:
    assert told(0, "The mail server did not answer in time.", ["mail@example.com"]) == (
        "The mail server did not answer in time."
    )
    assert told(550, "mail@example.com is full", ["mail@example.com"]) == (
        "550 m•••l@e•••e.com is full"
    )
