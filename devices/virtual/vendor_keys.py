"""RSA keys for the cameras' local API: a few for the whole fleet, the same in every run.

A real camera makes its own. Ten thousand times that costs minutes, and a run with one seed has to
repeat to the byte, so the primes are drawn from a fixed source. They guard nothing: all of it is
on loopback, and whoever reads this page has the keys.
"""

import random
from base64 import b64encode
from dataclasses import dataclass
from functools import cache

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicNumbers,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
    rsa_crt_iqmp,
    rsa_recover_private_exponent,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MANY = 4
BITS = 1024
"""As the vendor does it. Too short for anything that matters."""
_EXPONENT = 65537
_SMALL = [n for n in range(3, 2000, 2) if all(n % d for d in range(3, int(n**0.5) + 1, 2))]


@dataclass(frozen=True, slots=True)
class VendorKey:
    """``public`` is the SubjectPublicKeyInfo in DER, in base64: what ``get_encrypt_info`` gives."""

    private: RSAPrivateKey
    public: str

    def decrypted(self, sealed: bytes) -> bytes:
        """Undo RSA PKCS#1 v1.5; what is not of this key gives nothing that makes sense."""
        try:
            return self.private.decrypt(sealed, PKCS1v15())
        except ValueError:
            return b""


@cache
def vendor_key(number: int) -> VendorKey:
    """Key ``number`` of ``MANY``, made when it is first asked for (some 50 ms)."""
    source = random.Random(f"rekey virtual fleet/{number}")  # noqa: S311  # nosec B311
    p, q = _prime(source), _prime(source)
    d = rsa_recover_private_exponent(_EXPONENT, p, q)
    numbers = RSAPrivateNumbers(
        p,
        q,
        d,
        rsa_crt_dmp1(d, p),
        rsa_crt_dmq1(d, q),
        rsa_crt_iqmp(p, q),
        RSAPublicNumbers(_EXPONENT, p * q),
    )
    private = numbers.private_key()
    public = private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return VendorKey(private, b64encode(public).decode())


def _prime(source: random.Random) -> int:
    """A prime of half the bits, the two highest set, that the exponent has nothing to do with."""
    while True:
        drawn = source.getrandbits(BITS // 2) | (3 << (BITS // 2 - 2)) | 1
        if all(drawn % n for n in _SMALL) and drawn % _EXPONENT != 1 and _passes(drawn, source):
            return drawn


def _passes(number: int, source: random.Random) -> bool:
    """Miller and Rabin's test, eight times."""
    twos = ((number - 1) & -(number - 1)).bit_length() - 1
    odd = (number - 1) >> twos
    for _ in range(8):
        x = pow(source.randrange(2, number - 1), odd, number)
        if x in (1, number - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % number
            if x == number - 1:
                break
        else:
            return False
    return True
