"""The arithmetic of the recovery protocol, as its section of the README has it. Pure functions.

Names are those of the README: K is the recovery key, C and T are the contexts that everything is
bound to. HMAC and HKDF are those with SHA-256.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

PROTOCOL = "rekey-recovery/1"
KEY_BYTES = 32
VALUE_BYTES = 32
NONCE_BYTES = 12
DIGITS = 8
"""How long a code is in this version of the protocol."""

_ACTIVATION_BYTES = 512
_PASSWORD_BYTES = 160


def fields(*parts: bytes | str) -> bytes:
    """LP: each part with its length before it, so that no two lists look alike when joined."""
    joined = bytearray()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        joined += len(data).to_bytes(2, "big") + data
    return bytes(joined)


def b64(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Raises ValueError for anything but the canonical form."""
    data = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    if b64(data) != text:
        raise ValueError("not canonical base64url")
    return data


def mac(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA-256."""
    return hmac.digest(key, message, "sha256")


def derived(ikm: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256 with 32 bytes of output."""
    return HKDF(SHA256(), 32, salt, info).derive(ikm)


def truncated(digest: bytes, digits: int) -> str:
    """HOTP's dynamic truncation (RFC 4226 §5.3) of a hash of any length."""
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 10**digits:0{digits}d}"


def code_for(recovery_key: bytes, challenge_value: bytes, serial: str, digits: int = DIGITS) -> str:
    """The verification code to a device's challenge: Rekey mails it, the device expects it."""
    digest = mac(derived(recovery_key, b"", b"code"), fields(serial, challenge_value))
    return truncated(digest, digits)


def fingerprint_of(identity: bytes) -> str:
    """What is printed on a device with this public key: 32 hex digits."""
    return hashlib.sha256(identity).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Activation:
    """Rekey's side of one activation: what is sealed for the device, and what it must answer.

    ``device_key`` (E) and ``identity`` (S) are the device's public keys. Raises ValueError where
    they are no keys (RFC 7748 §6.1).
    """

    own: X25519PrivateKey = field(repr=False)
    serial: str
    identity: bytes
    device_key: bytes
    nonce: bytes

    def sealed(self, username: str, password: str, reset_email: str, recovery_key: bytes) -> bytes:
        text = fields(username, password, reset_email, recovery_key)
        return AESGCM(self._key("seal")).encrypt(
            self.nonce, text.ljust(_ACTIVATION_BYTES, b"\0"), self._context
        )

    def answer_mac(self, outcome: str, detail: str) -> bytes:
        return mac(self._key("answer"), fields(self.nonce, outcome, detail))

    @property
    def public(self) -> bytes:
        """R"""
        return self.own.public_key().public_bytes_raw()

    @property
    def _context(self) -> bytes:
        return fields(
            f"{PROTOCOL} activation", self.serial, self.identity, self.device_key, self.public
        )

    def _key(self, purpose: str) -> bytes:
        shared = b"".join(
            self.own.exchange(X25519PublicKey.from_public_bytes(key))
            for key in (self.device_key, self.identity)
        )
        return derived(shared, b"", fields(purpose, self._context))


@dataclass(frozen=True, slots=True)
class Completion:
    """Rekey's side of one answer to a challenge."""

    recovery_key: bytes = field(repr=False)
    challenge: str
    value: bytes
    serial: str
    username: str
    nonce: bytes

    def sealed(self, code: str, password: str) -> bytes:
        """The new password, for whoever knows K and the code."""
        text = fields(password).ljust(_PASSWORD_BYTES, b"\0")
        return AESGCM(self._seal_key(code)).encrypt(self.nonce, text, self._context)

    def opened(self, code: str, sealed: bytes) -> str:
        """What was sealed. Raises ValueError where K, the code or what it is bound to differs."""
        try:
            text = AESGCM(self._seal_key(code)).decrypt(self.nonce, sealed, self._context)
        except InvalidTag as error:
            raise ValueError("sealed otherwise") from error
        return text[2 : 2 + int.from_bytes(text[:2], "big")].decode()

    def code_proof(self, code: str) -> bytes:
        return mac(self._proof_key, fields("code", self._context, self.nonce, code))

    def key_proof(self, sealed: bytes, code_proof: bytes) -> bytes:
        return mac(
            self._proof_key, fields("request", self._context, self.nonce, sealed, code_proof)
        )

    def body(self, code: str, password: str) -> dict[str, str]:
        """All that is sent: it shows neither the code nor the password to whoever carries it."""
        sealed, code_proof = self.sealed(code, password), self.code_proof(code)
        return {
            "challenge": self.challenge,
            "username": self.username,
            "nonce": b64(self.nonce),
            "sealed": b64(sealed),
            "code_proof": b64(code_proof),
            "key_proof": b64(self.key_proof(sealed, code_proof)),
        }

    def answer_mac(self, outcome: str, detail: str) -> bytes:
        return mac(
            derived(self.recovery_key, b"", b"answer"),
            fields(self.challenge, self.serial, self.username, self.nonce, outcome, detail),
        )

    @property
    def _context(self) -> bytes:
        return fields(PROTOCOL, self.challenge, self.value, self.serial, self.username)

    @property
    def _proof_key(self) -> bytes:
        return derived(self.recovery_key, b"", b"proof")

    def _seal_key(self, code: str) -> bytes:
        return derived(self.recovery_key, self.value, fields("seal", self._context, code))
