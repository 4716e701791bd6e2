"""The vault gives a password back to whoever asks for it in its own place, and to nobody else."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import connection

from devices import vault
from devices.models import Secret
from devices.state import Purpose, credential_id
from devices.steps.credential import BeginCredential, PromoteCandidate
from devices.vault import VaultError, key_ring
from fleet.api.problems import problem_of
from fleet.errors import Forbidden, NotFound, Refused
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow
from fleet.secrets import EnvironmentKeys
from tests.cast import SETUP, Cast
from tests.fleet.eventstore.ground import device

pytestmark = pytest.mark.django_db

DEVICE, OTHER = uuid4(), uuid4()
PASSWORD = "Grün-" + secrets.token_hex(8)


@pytest.fixture
def kept() -> UUID:
    return vault.put(DEVICE, PASSWORD)


def ring_of(*keys: bytes) -> EnvironmentKeys:
    text = ",".join(base64.b64encode(key).decode() for key in keys)
    return EnvironmentKeys("REKEY_VAULT_KEY", text)


def refused(secret: UUID, device: UUID, code: str = "vault_altered") -> str:
    with pytest.raises(VaultError) as error:
        vault.get(secret, device)
    assert PASSWORD not in str(error.value)
    assert error.value.code == code
    assert error.value.__cause__ is None
    return str(error.value)


def change(secret: UUID, **values: Any) -> None:
    assert Secret.objects.filter(pk=secret).update(**values) == 1


def test_what_was_put_in_comes_out(kept: UUID) -> None:
    assert vault.get(kept, DEVICE) == PASSWORD


@pytest.mark.parametrize("password", ["", "x", "x" * 128, "pass\0word", "пароль-🎥", " spaces "])
def test_whatever_was_typed_comes_out_as_it_was(password: str) -> None:
    assert vault.get(vault.put(DEVICE, password), DEVICE) == password


def test_a_password_is_not_given_for_another_device(kept: UUID) -> None:
    assert "altered, or belongs elsewhere" in refused(kept, OTHER)


def test_a_row_that_is_moved_to_another_device_stays_closed(kept: UUID) -> None:
    change(kept, device=OTHER)
    assert "belongs elsewhere" in refused(kept, OTHER)


def test_a_row_that_takes_the_place_of_another_stays_closed(kept: UUID) -> None:
    """The id of a password that is shown to somebody, and the content of one that is not."""
    mine = vault.put(DEVICE, "mine")
    theirs = Secret.objects.get(pk=kept)
    change(mine, wrapped_key=theirs.wrapped_key, ciphertext=theirs.ciphertext)
    assert "belongs elsewhere" in refused(mine, DEVICE)


@pytest.mark.parametrize("column", ["wrapped_key", "ciphertext"])
def test_neither_half_of_a_row_fits_another_row(kept: UUID, column: str) -> None:
    mine = vault.put(DEVICE, "mine")
    change(mine, **{column: getattr(Secret.objects.get(pk=kept), column)})
    refused(mine, DEVICE)


@pytest.mark.parametrize("column", ["wrapped_key", "ciphertext"])
@pytest.mark.parametrize("place", [0, 11, 12, -17, -1])
def test_a_row_with_one_bit_turned_stays_closed(kept: UUID, column: str, place: int) -> None:
    altered = bytearray(getattr(Secret.objects.get(pk=kept), column))
    altered[place] ^= 1
    change(kept, **{column: bytes(altered)})
    assert "altered" in refused(kept, DEVICE)


@pytest.mark.parametrize("column", ["wrapped_key", "ciphertext"])
@pytest.mark.parametrize("length", [0, 5, 12, 20, 28])
def test_a_row_that_is_cut_off_stays_closed(kept: UUID, column: str, length: int) -> None:
    change(kept, **{column: bytes(getattr(Secret.objects.get(pk=kept), column))[:length]})
    assert "altered" in refused(kept, DEVICE)


def test_another_master_key_is_named_as_what_is_wrong(kept: UUID, settings: Any) -> None:
    settings.REKEY_VAULT_KEYS = ring_of(secrets.token_bytes(32))
    assert "REKEY_VAULT_KEY" in refused(kept, DEVICE, "vault_locked")


def test_another_master_key_under_the_same_name_opens_nothing(kept: UUID, settings: Any) -> None:
    settings.REKEY_VAULT_KEYS = ring_of(secrets.token_bytes(32))
    change(kept, key_id=key_ring.ring().newest().id)
    refused(kept, DEVICE, "vault_altered")


def test_a_key_id_that_was_altered_is_noticed(kept: UUID) -> None:
    change(kept, key_id="0" * 16)
    assert "another master key" in refused(kept, DEVICE, "vault_locked")


def test_a_row_under_any_key_of_the_ring_opens_and_the_first_one_seals(settings: Any) -> None:
    one, two = secrets.token_bytes(32), secrets.token_bytes(32)
    settings.REKEY_VAULT_KEYS = ring_of(one)
    early = vault.put(DEVICE, PASSWORD)
    settings.REKEY_VAULT_KEYS = ring_of(two, one)
    late = vault.put(DEVICE, "later")
    assert (vault.get(early, DEVICE), vault.get(late, DEVICE)) == (PASSWORD, "later")
    settings.REKEY_VAULT_KEYS = ring_of(two)
    assert vault.get(late, DEVICE) == "later"
    refused(early, DEVICE, "vault_locked")


def first_form(device: UUID, password: str, master: bytes) -> UUID:
    """A row as Rekey wrote it before the wrapping was bound to the key's id."""
    secret, data_key = uuid4(), secrets.token_bytes(32)
    context = b"rekey vault 1" + secret.bytes + device.bytes

    def sealed(key: bytes, plain: bytes) -> bytes:
        nonce = secrets.token_bytes(12)
        return nonce + AESGCM(key).encrypt(nonce, plain, context)

    Secret.objects.create(
        id=secret,
        device=device,
        key_id=hashlib.sha256(b"rekey vault key id" + master).hexdigest()[:16],
        wrapped_key=sealed(master[:32], data_key),
        ciphertext=sealed(data_key, password.encode()),
    )
    return secret


@pytest.mark.parametrize("length", [32, 48])  # of a longer key, its id is of all, and 32 bytes seal
def test_rows_from_before_open_as_ever(settings: Any, length: int) -> None:
    master = secrets.token_bytes(length)
    settings.REKEY_VAULT_KEYS = ring_of(secrets.token_bytes(32), master)
    early = first_form(DEVICE, PASSWORD, master)
    assert vault.get(early, DEVICE) == PASSWORD
    refused(early, OTHER, "vault_altered")


def test_a_wrapping_fits_no_other_key_id(kept: UUID, settings: Any) -> None:
    """The same key under another id: whoever wraps it could not have meant this row."""
    here = key_ring.ring().newest()
    row = Secret.objects.get(pk=kept)
    assert here.unwrap(bytes(row.wrapped_key), kept, DEVICE)
    here_again = key_ring.MasterKey(settings.REKEY_VAULT_KEYS.last[0])
    here_again.id = "0" * 16
    with pytest.raises(key_ring.Altered):
        here_again.unwrap(bytes(row.wrapped_key), kept, DEVICE)


def test_many_are_kept_at_once_each_for_its_device() -> None:
    pairs = [(uuid4(), f"made-up-{n}-{secrets.token_hex(4)}") for n in range(100)]
    kept = vault.put_many(pairs)
    assert len(set(kept)) == len(pairs)
    for secret, (owner, password) in zip(kept, pairs, strict=True):
        assert vault.get(secret, owner) == password
    refused(kept[0], pairs[1][0], "vault_altered")
    assert vault.put_many([]) == []


def test_an_error_of_the_vault_answers_pages_and_calls_as_a_conflict(kept: UUID) -> None:
    with pytest.raises(VaultError) as error:
        vault.get(uuid4(), DEVICE)
    answer = problem_of(error.value)
    assert (answer.status_code, answer.data["code"]) == (409, "vault_forgotten")


def test_what_is_not_there_is_said_not_to_be_there() -> None:
    assert "not in the vault" in refused(uuid4(), DEVICE, "vault_forgotten")


def test_nothing_stands_in_clear_in_the_table(settings: Any) -> None:
    passwords = [f"In-the-clear-{secrets.token_hex(6)}" for _ in range(5)]
    for password in passwords:
        vault.put(DEVICE, password)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM vault")
        cells = [cell for row in cursor.fetchall() for cell in row]
    raw = b"".join(
        bytes(c) if isinstance(c, bytes | memoryview) else str(c).encode() for c in cells
    )
    for password in (*passwords, "In-the-clear"):
        plain = password.encode()
        for form in (plain, base64.b64encode(plain)[:-4], plain.hex().encode(), plain[::-1]):
            assert form not in raw
    assert settings.REKEY_VAULT_KEYS.last[0].value not in raw


def test_the_same_password_twice_does_not_look_the_same() -> None:
    one, other = (Secret.objects.get(pk=vault.put(DEVICE, PASSWORD)) for _ in range(2))
    assert one.ciphertext != other.ciphertext
    assert one.wrapped_key != other.wrapped_key
    assert bytes(one.ciphertext)[:12] != bytes(other.ciphertext)[:12]


# --- showing one ----------------------------------------------------------------------------------


@pytest.fixture
def known(who: Cast) -> UUID:
    """A device whose password is proven."""
    target = device(who)
    secret, account = vault.put(target, PASSWORD), credential_id(target, "admin")
    begin = BeginCredential(who.organisation, who.site, target, "admin", Purpose.DEVICE, secret)
    handle(begin, account, SETUP)
    handle(PromoteCandidate(secret), account, SETUP)
    return target


def test_a_password_is_shown_once_its_showing_is_recorded(who: Cast, known: UUID) -> None:
    by = replace(who.by(who.alice), source="203.0.113.1")
    assert vault.reveal(known, "admin", "to look at the picture", by) == PASSWORD
    last = EventRow.everything.order_by("position").last()
    assert (last.type, last.reason) == ("devices.password_revealed", "to look at the picture")
    assert (last.actor_name, last.source, last.subject) == ("Alice", "203.0.113.1", known)
    assert PASSWORD not in last.data


def test_nobody_else_is_shown_a_password_and_nothing_is_recorded(who: Cast, known: UUID) -> None:
    before = EventRow.everything.count()
    for person, expected in ((who.tess, Forbidden), (who.bob, Forbidden), (who.charlie, NotFound)):
        with pytest.raises(expected):
            vault.reveal(known, "admin", "to look at it", who.by(person))
    with pytest.raises(NotFound):
        vault.reveal(known, "root", "to look at it", who.by(who.alice))
    with pytest.raises(NotFound):
        vault.reveal(new_id(), "admin", "to look at it", who.by(who.alice))
    with pytest.raises(Refused):
        vault.reveal(known, "admin", " ", who.by(who.alice))
    assert EventRow.everything.count() == before
