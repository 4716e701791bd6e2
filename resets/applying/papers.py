"""What is carried between Rekey and a device that it does not reach, as JSON.

challenge   from the device to Rekey: what the device asked
order       from Rekey to the device: the request that answers it, signed by Rekey
result      from the device to Rekey: what the device answered

None of them shows a password or a code: what is in the order's body is sealed by the recovery key
and the code (README, "The recovery protocol"). Pure: read and written with no database at hand.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Annotated, Literal, TypeVar
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec import Meta

from devices.drivers.recovery_answers import Bytes8, Bytes32, Serial, Text
from devices.drivers.recovery_crypto import Completion, b64, unb64

LARGEST = 8192  # characters of a paper
MOST_ORDERS = 20  # of one reset
_SIGNED = b"rekey order 1\n"
_Time = Annotated[datetime, Meta(tz=True)]
_Number = Annotated[int, Meta(ge=1, le=MOST_ORDERS)]


class Paper(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of the three."""

    def text(self) -> str:
        """For a file: the same paper always makes the same text."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode() + "\n"


class ChallengePaper(Paper, frozen=True, forbid_unknown_fields=True):
    """What a device asked. `expires_at` by the clock of whoever took it."""

    rekey: Literal["challenge/1"]
    challenge: Bytes8
    value: Bytes32
    serial: Serial
    expires_at: _Time


class Body(Paper, frozen=True, forbid_unknown_fields=True):
    """The request to the device, complete."""

    challenge: Bytes8
    username: Annotated[str, Meta(min_length=1, max_length=64)]
    nonce: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{16}\Z")]
    sealed: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{235}\Z")]
    code_proof: Bytes32
    key_proof: Bytes32


class OrderPaper(Paper, frozen=True, forbid_unknown_fields=True):
    """What is to be sent to which device. `key`: Rekey's public one, that it is signed with; `pin`:
    the certificate that the device has to show over TLS.
    """

    rekey: Literal["order/1"]
    key: Bytes32
    reset: UUID
    number: _Number
    device: Annotated[str, Meta(max_length=200)]
    host: Annotated[str, Meta(max_length=253)]
    port: Annotated[int, Meta(ge=1, le=65535)]
    tls: bool
    pin: Annotated[str, Meta(pattern=r"^([0-9a-f]{64})?\Z")]
    serial: Serial
    expires_at: _Time
    body: Body
    signature: Annotated[str, Meta(pattern=r"^([A-Za-z0-9_-]{86})?\Z")] = ""

    @property
    def signed(self) -> bytes:
        """What the signature is over."""
        return _SIGNED + msgspec.json.encode(msgspec.structs.replace(self, signature=""))


class ResultPaper(Paper, frozen=True, forbid_unknown_fields=True):
    """What became of an order. `outcome`, `detail` and `mac` as the device said them; where it gave
    no answer that can be read, `outcome` is "" and `why` the error's code.
    """

    rekey: Literal["result/1"]
    reset: UUID
    number: _Number
    at: _Time
    outcome: Text
    detail: Text
    mac: Bytes32 | None
    why: Annotated[str, Meta(max_length=40, pattern=r"^[a-z_]*\Z")] = ""

    def proven_by(self, asked: Completion) -> bool:
        """Whether the device itself has said this, to this very request."""
        if self.mac is None:
            return False
        own = asked.answer_mac(self.outcome, self.detail)
        # It is no secret once it is written down, and unb64 refuses a second spelling of it.
        return _bytes(self.mac) == own


P = TypeVar("P", bound=Paper)


def read(text: str, kind: type[P]) -> P:
    """A paper. Raises ValueError for anything that is not one."""
    if len(text) > LARGEST:
        raise ValueError("too large")
    try:
        return msgspec.json.decode(text.strip().encode(), type=kind)
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def _bytes(text: str) -> bytes:
    try:
        return unb64(text)
    except ValueError:
        return b""


# --- who has signed -------------------------------------------------------------------------------


class Signer:
    """Rekey's own key for orders, from its key material: at least 32 bytes."""

    def __init__(self, key: bytes) -> None:
        seed = HKDF(SHA256(), 32, None, b"rekey order signing 1").derive(key)
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    @property
    def public(self) -> str:
        """The key that orders are checked with, in base64url."""
        return b64(self._key.public_key().public_bytes_raw())

    def sign(self, order: OrderPaper) -> OrderPaper:
        signature = b64(self._key.sign(order.signed))
        return msgspec.structs.replace(order, signature=signature)


def is_signed(order: OrderPaper) -> bool:
    """Whether whoever has the other half of its key has signed the order as it is."""
    try:
        key = Ed25519PublicKey.from_public_bytes(unb64(order.key))
        key.verify(unb64(order.signature), order.signed)
    except (InvalidSignature, ValueError):
        return False
    return True


def fingerprint(public: str) -> str:
    """A key for people to compare: 32 hex digits in groups of four."""
    digits = hashlib.sha256(public.encode()).hexdigest()[:32]
    return " ".join(digits[i : i + 4] for i in range(0, 32, 4))
