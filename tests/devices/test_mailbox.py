"""What may be a Reset Password Email, and how it is shown to those who only look."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.mailbox import LONGEST, checked, masked, same
from fleet.errors import Refused

# --- what it may be -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("owner@example.com", "owner@example.com"),
        (" owner@example.com ", "owner@example.com"),
        ("O.Wner+cameras@Example.COM", "O.Wner+cameras@example.com"),
        ("owner@cameras.test", "owner@cameras.test"),
        ("owner@mail.works.local", "owner@mail.works.local"),
        ("owner@bücher.example", "owner@bücher.example"),
        ("owner@xn--bcher-kva.example", "owner@bücher.example"),
        ("o'neil_9@example.com", "o'neil_9@example.com"),
    ],
)
def test_a_mailbox_is_kept_in_one_form(typed: str, kept: str) -> None:
    assert checked(typed) == kept
    assert same(typed.strip(), kept) or "xn--" in typed


@pytest.mark.parametrize(
    ("code", "typed"),
    [
        ("mailbox_missing", ""),
        ("mailbox_missing", "   "),
        ("mailbox_unprintable", "owner@example.com\r\nBcc: mallory@example.com"),
        ("mailbox_unprintable", "owner@example.com\n"),
        ("mailbox_unprintable", "own\ter@example.com"),
        ("mailbox_unprintable", "owner\0@example.com"),
        ("mailbox_unprintable", "owner\u202e@example.com"),
        ("mailbox_unprintable", "owner\u200b@example.com"),
        ("mailbox_unprintable", "owner\u2028@example.com"),
        ("mailbox_several", "a@example.com, b@example.com"),
        ("mailbox_several", "a@example.com;b@example.com"),
        ("mailbox_several", "a@example.com b@example.com"),
        ("mailbox_too_long", f"{'a' * 65}@example.com"),
        ("mailbox_too_long", f"a@{'b' * LONGEST}.com"),
        ("mailbox_malformed", "owner"),
        ("mailbox_malformed", "owner@"),
        ("mailbox_malformed", "@example.com"),
        ("mailbox_malformed", "owner@example"),
        ("mailbox_malformed", "own er@example.com"),
        ("mailbox_malformed", "owner@exa mple.com"),
        ("mailbox_malformed", "owner..one@example.com"),
        ("mailbox_malformed", "owner@-example.com"),
        ("mailbox_malformed", "owner@example..com"),
        ("mailbox_malformed", "owner@example.com."),
        ("mailbox_malformed", f"owner@{'b' * 64}.com"),
        ("mailbox_malformed", "Owner <owner@example.com>"),
        ("mailbox_malformed", "mailto:owner@example.com"),
        ("mailbox_malformed", '"owner one"@example.com'),
        ("mailbox_malformed", "owner@[203.0.113.7]"),
        ("mailbox_malformed", "öwner@example.com"),
        ("mailbox_unreachable", "owner@localhost"),
        ("mailbox_unreachable", "owner@printer.localhost"),
        ("mailbox_unreachable", "owner@gone.INVALID"),
        ("mailbox_unreachable", "owner@hidden.onion"),
    ],
)
def test_what_is_no_mailbox_is_refused_with_what_to_do(code: str, typed: str) -> None:
    with pytest.raises(Refused) as refused:
        checked(typed)
    assert (refused.value.code, refused.value.field) == (code, "reset_email")
    assert len(typed) < 15 or typed not in refused.value.message


@given(st.text(max_size=40))
def test_whatever_passes_fits_into_a_header_and_passes_again(text: str) -> None:
    try:
        kept = checked(f"{text}@example.com")
    except Refused:
        return
    assert kept.isprintable()
    assert not set(kept) & set(" ,;<>")
    assert kept.count("@") == 1
    assert checked(kept) == kept


# --- how it is shown ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mailbox", "shown"),
    [
        ("owner@example.com", "o•••r@e•••e.com"),
        ("jo@example.com", "j•••@e•••e.com"),
        ("j@example.com", "j•••@e•••e.com"),
        ("owner@mail.example.co.uk", "o•••r@m•••o.uk"),
        ("owner@localhost", "o•••r@l•••t"),
        ("o.wn-er+x@x.se", "o•••x@x•••.se"),
        ("Ωmega@example.com", "Ω•••a@e•••e.com"),
        ("", ""),
    ],
)
def test_a_mailbox_is_shown_by_its_ends(mailbox: str, shown: str) -> None:
    assert masked(mailbox) == shown


PART = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=3, max_size=20)


@given(PART, PART)
def test_the_middle_of_a_mailbox_never_shows(name: str, host: str) -> None:
    shown = masked(f"{name}@{host}.com")
    assert shown == f"{name[0]}•••{name[-1]}@{host[0]}•••{host[-1]}.com"
    assert len(shown) == len("x•••x@x•••x.com")  # nor how long it is
