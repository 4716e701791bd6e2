"""Passwords that are generated satisfy the rules that typed ones are held against."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.passwords import GENERATED_LENGTH, PasswordRules

LENGTHS = st.none() | st.integers(-5, 300)


@given(LENGTHS)
def test_a_generated_password_satisfies_the_rules_it_was_made_for(longest: int | None) -> None:
    rules = PasswordRules.of_device(longest)
    assert rules.longest >= rules.shortest, "it would look for ever"
    password = rules.generate()
    assert rules.problem(password) is None
    assert len(password) == min(GENERATED_LENGTH, rules.longest)


@pytest.mark.parametrize("longest", range(-3, 70))
def test_a_device_may_allow_fewer_characters_but_not_so_few_that_there_is_no_password(
    longest: int,
) -> None:
    """A device that says 1 or 4 says nonsense, or is not to be believed: what it then objects to,
    it says itself.
    """
    rules = PasswordRules.of_device(longest)
    assert rules.shortest <= rules.longest <= 32
    if 8 <= longest <= 32:
        assert rules.longest == longest


def test_generated_passwords_are_not_alike_and_are_read_and_typed_without_doubt() -> None:
    made = {PasswordRules().generate() for _ in range(200)}
    assert len(made) == 200
    used = set("".join(made))
    assert not used & set("0O1lI\"'`\\<>&%$# ")
    assert used <= set(string.ascii_letters + string.digits + "-_.!+")
    assert all(p[0].isalnum() for p in made)


@pytest.mark.parametrize(
    ("password", "words"),
    [
        ("", "8 to 32 characters; this has 0"),
        ("Short-1", "8 to 32"),
        ("x1" * 16 + "x", "8 to 32"),
        ("alllowercase", "Mix at least two"),
        ("1234567890", "Mix at least two"),
        ("ALLCAPITALS", "Mix at least two"),
        ("!!!!!!!!!!", "Mix at least two"),
        ("with space 1", "no spaces"),
        ("with\ttab-1x", "no spaces"),
        ("ümläuts-12345", "plain keyboard"),
        ("emoji-🎥-12345", "plain keyboard"),
        ("null\0-byte-1", "plain keyboard"),
        ("bell\x07-and-1", "plain keyboard"),
        ("my-ADMIN-word-1", "account's name"),
    ],
)
def test_what_a_device_objects_to_is_said_as_what_to_change(password: str, words: str) -> None:
    problem = PasswordRules().problem(password, "admin")
    assert problem is not None
    assert words in problem
    assert problem.endswith(".")
    assert not password or password not in problem


@pytest.mark.parametrize("password", ["abcdefg1", "Abcdefgh", "a" * 31 + "!", "correct-horse"])
def test_what_a_device_takes_is_taken(password: str) -> None:
    assert PasswordRules().problem(password, "admin") is None


@given(st.text(alphabet=string.printable + "äß🎥\0", max_size=40), st.sampled_from(["", "admin"]))
def test_whatever_is_taken_is_what_the_reference_says(password: str, username: str) -> None:
    if PasswordRules().problem(password, username) is None:
        assert 8 <= len(password) <= 32
        assert password.isascii()
        assert password.isprintable()
        assert " " not in password
