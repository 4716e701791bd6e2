"""What the recovery protocol's requests and answers are made of, on the device's side."""

import base64
import hmac
import json
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from devices.virtual.service import Reply, Request

Mac = Callable[[str, str], bytes]
"""The MAC of an answer with this outcome and detail."""

_MAX_BODY = 4096
_OUTCOMES = {
    200: "done",
    400: "malformed",
    403: "proof_refused closed code_refused",
    409: "not_fresh fresh no_key replayed",
    410: "key_void challenge_void",
    422: "unknown_account username_refused email_refused password_refused",
    429: "locked",
}
_STATUS = {outcome: status for status, names in _OUTCOMES.items() for outcome in names.split()}


class Refused(Exception):
    """How a call ends that does not end with ``done``."""

    def __init__(self, outcome: str, detail: str = "", status: int = 0) -> None:
        super().__init__(outcome)
        self.outcome = outcome
        self.detail = detail
        self.status = status or _STATUS[outcome]


class Unsigned(Refused):
    """A refusal that has no MAC."""


# -- answers --------------------------------------------------------------------------------------


def reply(status: int, content: Mapping[str, Any], *, changed: bool = False) -> Reply:
    body = json.dumps(content, separators=(",", ":")).encode()
    return Reply(status, body, {"Content-Type": "application/json"}, changed=changed)


def done(mac: Mac) -> Reply:
    content = {"outcome": "done", "detail": "", "mac": b64(mac("done", ""))}
    return reply(200, content, changed=True)


def ended(refused: Refused, mac: Mac | None) -> Reply:
    outcome, detail = refused.outcome, refused.detail
    signed = b64(mac(outcome, detail)) if mac else None
    return reply(refused.status, {"outcome": outcome, "detail": detail, "mac": signed})


# -- requests -------------------------------------------------------------------------------------


def object_in(request: Request) -> dict[str, Any]:
    if len(request.body) > _MAX_BODY:
        raise Unsigned("malformed", status=413)
    if "origin" in request.headers:
        raise Unsigned("malformed")
    try:
        given = json.loads(request.body.decode())
    except (ValueError, RecursionError) as error:
        raise Unsigned("malformed") from error
    if not isinstance(given, dict):
        raise Unsigned("malformed")
    return given


def bytes_in(given: Mapping[str, Any], name: str, length: int) -> bytes:
    """The bytes that a field holds, which have to be so many."""
    text = given.get(name)
    if not isinstance(text, str):
        raise Unsigned("malformed")
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_")
    except ValueError as error:
        raise Unsigned("malformed") from error
    if len(data) != length or b64(data) != text:
        raise Unsigned("malformed")
    return data


def name_in(given: Mapping[str, Any], name: str) -> str:
    """The user name that a field holds."""
    text = given.get(name)
    try:
        return as_text(text.encode() if isinstance(text, str) else b"", 1, 64)
    except ValueError as error:
        raise Unsigned("malformed") from error


def as_text(data: bytes, shortest: int, longest: int) -> str:
    """UTF-8 of so many bytes, without control characters. Raises ValueError."""
    text = data.decode()
    control = any(unicodedata.category(character) == "Cc" for character in text)
    if control or not shortest <= len(data) <= longest:
        raise ValueError("not such a text")
    return text


# -- arithmetic -----------------------------------------------------------------------------------


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def lp(*parts: str | bytes) -> bytes:
    raw = [part.encode() if isinstance(part, str) else part for part in parts]
    return b"".join(bytes(divmod(len(part), 256)) + part for part in raw)


def hmac_of(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, "sha256").digest()


def hkdf(ikm: bytes, salt: bytes, info: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, info).derive(ikm)


def public(private: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def exchanged(private: bytes, theirs: bytes) -> bytes:
    """X25519. A result of only zero bytes is refused."""
    try:
        own = X25519PrivateKey.from_private_bytes(private)
        return own.exchange(X25519PublicKey.from_public_bytes(theirs))
    except ValueError as error:
        raise Unsigned("malformed") from error


def unsealed(key: bytes, nonce: bytes, sealed: bytes, aad: bytes, *, count: int) -> list[bytes]:
    """The parts of what was sealed: so many, and nothing but zero bytes after them.

    Raises ValueError.
    """
    try:
        text = AESGCM(key).decrypt(nonce, sealed, aad)
    except InvalidTag as error:
        raise ValueError("sealed otherwise") from error
    parts = []
    for _ in range(count):
        length = int.from_bytes(text[:2], "big")
        parts.append(text[2 : 2 + length])
        text = text[2 + length :]
    if any(text):
        raise ValueError("not padded with zero bytes")
    return parts
