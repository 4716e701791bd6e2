"""Encrypted files as age has them (https://age-encryption.org/v1), in the ASCII armour.

To keys it is the Rust age by its Python binding. To a passphrase it is written here from the
specification: the binding chooses scrypt's work by how fast the machine is, up to 1 GiB of memory
for each file, here and again wherever it is opened. 2^18, age's own default, takes 256 MiB; one
file after the other, so that nobody fills the memory by asking often.

Pure: no Django. What it is given stays in memory.
"""

from __future__ import annotations

import os
import textwrap
from base64 import b64encode
from collections.abc import Iterator, Sequence
from threading import Lock

import pyrage
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

WORK = 18  # scrypt's N, as a power of two
CHUNK = 64 * 1024
_one_at_a_time = Lock()


class NoKey(ValueError):
    """This is no public key that a file can be encrypted to."""


def recipient(text: str) -> object:
    """The public key that a line stands for: of age, or an RSA or Ed25519 one of SSH.

    Raises NoKey, which never quotes the line.
    """
    try:
        if text.startswith("ssh-"):
            return pyrage.ssh.Recipient.from_str(text)
        return pyrage.x25519.Recipient.from_str(text)
    except pyrage.RecipientError:
        raise NoKey from None


def to_keys(plain: bytes, recipients: Sequence[str]) -> str:
    """A file that each of these keys opens. Raises NoKey."""
    keys = [recipient(one) for one in recipients]
    sealed: bytes = pyrage.encrypt(plain, keys, armored=True)
    return sealed.decode()


def to_passphrase(plain: bytes, passphrase: str) -> str:
    """A file that the passphrase opens. Takes about a second of one core."""
    file_key, salt = os.urandom(16), os.urandom(16)
    label = b"age-encryption.org/v1/scrypt"
    with _one_at_a_time:
        wrapping = Scrypt(label + salt, length=32, n=2**WORK, r=8, p=1).derive(passphrase.encode())
    wrapped = ChaCha20Poly1305(wrapping).encrypt(bytes(12), file_key, None)
    header = (
        b"age-encryption.org/v1\n"
        b"-> scrypt %b %d\n" % (_unpadded(salt), WORK) + _unpadded(wrapped) + b"\n---"
    )
    seal = hmac.HMAC(_derived(file_key, b"", b"header"), hashes.SHA256())
    seal.update(header)
    nonce = os.urandom(16)
    payload = b"".join(_payload(plain, _derived(file_key, nonce, b"payload")))
    return _armoured(header + b" " + _unpadded(seal.finalize()) + b"\n" + nonce + payload)


def _payload(plain: bytes, key: bytes) -> Iterator[bytes]:
    """In chunks that are numbered, the last of them marked."""
    cipher, count = ChaCha20Poly1305(key), max(1, -(-len(plain) // CHUNK))
    for number in range(count):
        nonce = number.to_bytes(11, "big") + bytes([number == count - 1])
        yield cipher.encrypt(nonce, plain[number * CHUNK : (number + 1) * CHUNK], None)


def _derived(file_key: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(hashes.SHA256(), length=32, salt=salt, info=info).derive(file_key)


def _unpadded(data: bytes) -> bytes:
    return b64encode(data).rstrip(b"=")


def _armoured(data: bytes) -> str:
    lines = textwrap.wrap(b64encode(data).decode(), 64)
    return "\n".join(
        ("-----BEGIN AGE ENCRYPTED FILE-----", *lines, "-----END AGE ENCRYPTED FILE-----", "")
    )
