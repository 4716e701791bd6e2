"""What passwords leave in: read back by the Rust age, which did not write what is to a passphrase.

No database.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pyrage
import pytest

from fleet.errors import Refused
from fleet.eventstore.testing import NOW, given
from resets.handover import age
from resets.handover.files import HEADS, Entry, HandoverForm, plain
from resets.handover.locks import MOST_KEYS, Keys, Passphrase, lock_of
from resets.handover.state import MOST, WITHIN
from resets.handover.steps import HandOver, PasswordsHandedOver
from resets.steps.site_rules import Place

WORDS = "harbour-tulip-eleven-brass"
SITE, OURS, CAMPAIGN = (UUID(int=n) for n in (1, 2, 3))
ENTRY = Entry("Harbour", "=Gate", "http://203.0.113.7:80", "Eye", "A-1", "admin", '=+a"b,c\n', "1")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """As scrypt would be on a machine a hundred times as fast."""
    monkeypatch.setattr(age, "WORK", 10)


def test_a_passphrase_opens_the_file() -> None:
    sealed = Passphrase(WORDS).sealed(b"the passwords")
    assert sealed.startswith("-----BEGIN AGE ENCRYPTED FILE-----\n")
    assert pyrage.passphrase.decrypt(sealed.encode(), WORDS) == b"the passwords"


@pytest.mark.usefixtures("quick")
def test_another_passphrase_does_not() -> None:
    sealed = Passphrase(WORDS).sealed(b"the passwords")
    for other in (f"{WORDS} ", WORDS.upper(), ""):
        with pytest.raises(pyrage.DecryptError):
            pyrage.passphrase.decrypt(sealed.encode(), other)


CHUNK = age.CHUNK


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5])
def test_a_file_of_any_size_is_read_back(size: int) -> None:
    content = bytes(number % 251 for number in range(size))
    sealed = age.to_passphrase(content, "Łódź 摄像机 passphrase").encode()
    assert pyrage.passphrase.decrypt(sealed, "Łódź 摄像机 passphrase") == content


@pytest.mark.usefixtures("quick")
def test_two_files_of_the_same_have_nothing_in_common() -> None:
    first, second = (age.to_passphrase(b"x" * 100, WORDS).splitlines() for _ in range(2))
    assert set(first[2:-1]).isdisjoint(second[2:-1])


@pytest.mark.usefixtures("quick")
def test_a_file_that_was_altered_does_not_open() -> None:
    lines = age.to_passphrase(b"x" * 1000, WORDS).splitlines()
    lines[-3] = lines[-3].swapcase()
    with pytest.raises(pyrage.DecryptError):
        pyrage.passphrase.decrypt("\n".join(lines).encode(), WORDS)


def test_each_of_several_keys_opens_the_file_and_no_other_does() -> None:
    mine, yours, theirs = (pyrage.x25519.Identity.generate() for _ in range(3))
    lock = lock_of(f"{mine.to_public()}\r\n\n  {yours.to_public()} \n", "", "")
    sealed = lock.sealed(b"the passwords").encode()
    for key in (mine, yours):
        assert pyrage.decrypt(sealed, [key]) == b"the passwords"
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(sealed, [theirs])
    assert str(mine.to_public()) in lock.opens


def test_an_ssh_key_will_do() -> None:
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(form.Encoding.OpenSSH, form.PublicFormat.OpenSSH)
    private = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.OpenSSH, form.NoEncryption())
    sealed = lock_of(public.decode(), "", "").sealed(b"the passwords").encode()
    assert pyrage.decrypt(sealed, [pyrage.ssh.Identity.from_buffer(private)]) == b"the passwords"


def a_key() -> str:
    return str(pyrage.x25519.Identity.generate().to_public())


SECRET_KEY = str(pyrage.x25519.Identity.generate())


@pytest.mark.parametrize(
    ("keys", "passphrase", "again", "code"),
    [
        ("", "", "", "one_lock_needed"),
        (a_key(), WORDS, WORDS, "one_lock_needed"),
        ("age1nobody", "", "", "key_wrong"),
        ("ssh-rsa AAAA", "", "", "key_wrong"),
        (SECRET_KEY, "", "", "key_is_secret"),
        (f"{a_key()}\n{SECRET_KEY.lower()}", "", "", "key_is_secret"),
        ("\n".join(a_key() for _ in range(MOST_KEYS + 1)), "", "", "too_many_keys"),
        ("", "tulip", "tulip", "passphrase_weak"),
        ("", "aaaaaaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaaaaaa", "passphrase_weak"),
        ("", WORDS, f"{WORDS}x", "passphrases_differ"),
    ],
    ids=[
        "no lock",
        "two kinds of lock",
        "no key",
        "a cut key",
        "a secret key",
        "a secret key among others",
        "too many keys",
        "a short passphrase",
        "one letter",
        "a passphrase typed otherwise",
    ],
)
def test_what_a_file_cannot_be_encrypted_to(
    keys: str, passphrase: str, again: str, code: str
) -> None:
    with pytest.raises(Refused) as refused:
        lock_of(keys, passphrase, again)
    assert refused.value.code == code
    assert SECRET_KEY not in refused.value.message
    assert WORDS not in refused.value.message


def test_a_lock_does_not_tell_its_passphrase() -> None:
    lock = lock_of("", WORDS, WORDS)
    assert lock.opens == "a passphrase"
    assert WORDS not in repr(lock)


def test_a_long_key_is_named_in_short() -> None:
    assert len(Keys(("ssh-rsa " + "A" * 900,)).opens) < 64


def test_each_password_stands_in_the_file_to_the_letter() -> None:
    [told] = json.loads(plain([ENTRY], HandoverForm.JSON))
    [row] = csv.DictReader(io.StringIO(plain([ENTRY], HandoverForm.CSV).decode(), newline=""))
    assert told == row
    assert (told["password"], told["name"]) == (ENTRY.password, "=Gate")
    assert tuple(told) == HEADS
    assert ENTRY.password not in repr(ENTRY)


# --- how often ------------------------------------------------------------------------------------

TAKE = HandOver(SITE, CAMPAIGN, 3, "a passphrase", " The recorder needs them ")
TAKEN = PasswordsHandedOver(OURS, SITE, CAMPAIGN, 3, "a passphrase", "The recorder needs them", NOW)


def take(*before: Any, **changes: Any) -> Any:
    return given(*before).knowing(Place(OURS, SITE)).when(replace(TAKE, **changes))


def test_what_was_taken_by_whom_and_why_is_recorded() -> None:
    state = take().then(TAKEN)
    assert (state.organisation, state.site) == (OURS, SITE)


@pytest.mark.parametrize("reason", ["", " \n"])
def test_nothing_is_taken_without_a_reason(reason: str) -> None:
    take(reason=reason).refused("reason_missing")


def test_nobody_takes_passwords_of_a_site_all_the_time() -> None:
    times = [replace(TAKEN, at=NOW - timedelta(minutes=number)) for number in range(MOST)]
    error = take(*reversed(times)).refused("handed_over_too_often")
    assert error.facts["retry_after"] == (WITHIN - timedelta(minutes=MOST - 1)).seconds + 1
    take(*reversed(times[:-1])).then(TAKEN)
    long_ago = [replace(one, at=one.at - WITHIN) for one in times]
    assert len(take(*reversed(long_ago)).then(TAKEN).lately) == 1
