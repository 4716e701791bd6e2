"""Names stand in lists, in sentences of the history and in subjects of mails: in one line each."""

from __future__ import annotations

import pytest

from fleet.errors import Refused
from fleet.names import named

pytestmark = pytest.mark.one_database


@pytest.mark.parametrize(
    "name", ["Gate north", "Tor – „Süd“", "北門\u3000二", "نیم\u200cفاصله", "Quay 👩\u200d🔧"]
)
def test_a_name_in_any_language_is_taken_without_the_space_around_it(name: str) -> None:
    assert named(f" {name}\n", "device") == name


@pytest.mark.parametrize("name", ["", " ", "\t\r\n"])
def test_no_name_is_refused(name: str) -> None:
    with pytest.raises(Refused, match=r"Give the site a name\.") as no:
        named(name, "site")
    assert (no.value.code, no.value.field) == ("name_missing", "name")


@pytest.mark.parametrize(
    "sign", ["\n", "\r\n", "\t", "\0", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", "\ud800"]
)
def test_a_line_break_and_what_nobody_sees_is_refused(sign: str) -> None:
    with pytest.raises(Refused, match="line break") as no:
        named(f"Gate{sign}north", "device")
    assert (no.value.code, no.value.field) == ("name_unprintable", "name")
