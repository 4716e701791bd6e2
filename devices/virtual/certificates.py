"""The TLS certificates that virtual devices show: self-signed, made once for each process.

An elliptic curve's key follows from a seed, and so does its certificate, to the byte.
"""

import hashlib
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

_BEGINS, _ENDS = datetime(2020, 1, 1, tzinfo=UTC), datetime(2049, 12, 31, tzinfo=UTC)
_CURVE = ec.SECP256R1()
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

OLD_CIPHERS = "AES256-GCM-SHA384"
"""All that some cameras offer: TLS 1.2 with RSA for the key exchange."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a TLS service is set up with; ``fingerprint`` is its certificate's SHA-256 in hex."""

    context: ssl.SSLContext
    fingerprint: str


@lru_cache(maxsize=1024)
def shown(seed: str, *, old: bool = False) -> Shown:
    """The certificate of a seed; an ``old`` one is RSA's and by chance, once for each process."""
    key = rsa.generate_private_key(65537, 2048) if old else _key(seed)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "TPRI-DEVICE")])
    number = hashlib.sha256(f"number/{seed}".encode()).digest()[:16]
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(int.from_bytes(number) >> 1 or 1)
        .not_valid_before(_BEGINS)
        .not_valid_after(_ENDS)
    )
    deterministic = None if old else True
    certificate = builder.sign(key, SHA256(), ecdsa_deterministic=deterministic)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if old:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(OLD_CIPHERS)
    with TemporaryDirectory() as folder:  # the ssl module reads from files only
        file = Path(folder) / "device.pem"
        file.write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            + certificate.public_bytes(Encoding.PEM)
        )
        context.load_cert_chain(file)
    return Shown(context, certificate.fingerprint(SHA256()).hex())


def _key(seed: str) -> ec.EllipticCurvePrivateKey:
    drawn = hashlib.sha512(f"key/{seed}".encode()).digest()
    return ec.derive_private_key(1 + int.from_bytes(drawn) % (_ORDER - 1), _CURVE)
