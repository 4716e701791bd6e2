"""A search for secrets that are not to be found, in every form in which they could stand there."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote

DIGESTS = ("md5", "sha1", "sha256", "sha512")


@dataclass(frozen=True)
class Secret:
    """`digests`: whether its plain hash tells it as well, since it can be found by trying."""

    name: str
    text: str
    digests: bool = True

    @property
    def forms(self) -> dict[str, bytes | re.Pattern[bytes]]:
        """What to look for, by what it is."""
        plain = self.text.encode()
        found = {
            "plain": plain,
            "HTML": html.escape(self.text).encode(),
            "JSON": json.dumps(self.text)[1:-1].encode(),
            "URL": quote(self.text, safe="").encode(),
            "hex": plain.hex().encode(),
            "HEX": plain.hex().upper().encode(),
            "UTF-16": self.text.encode("utf-16-le"),
            **{f"base64 {shift}": _base64(plain, shift) for shift in range(3)},
        }
        if self.digests:
            for name in DIGESTS:
                digest = hashlib.new(name, plain)
                found[name] = digest.digest()
                found[f"{name} in hex"] = digest.hexdigest().encode()
                found[f"{name} in base64"] = base64.b64encode(digest.digest()).rstrip(b"=")
        forms: dict[str, bytes | re.Pattern[bytes]] = dict(found)
        if self.text.isdigit():
            # Eight digits also stand in times and ids; only alone they are the code.
            forms["plain"] = re.compile(rb"(?<![0-9a-f])(?<!\d\.)%s(?![0-9a-f])" % plain)
            half = len(plain) // 2
            forms["grouped"] = re.compile(
                rb"(?<!\d)%s(?: |\+|%%20|-|&nbsp;|\xc2\xa0)%s(?!\d)" % (plain[:half], plain[half:])
            )
        return forms


def _base64(plain: bytes, shift: int) -> bytes:
    """How it looks inside of a longer text, where it begins at a third of a group of letters."""
    encoded = base64.b64encode(b"\0" * shift + plain)
    first, last = (0, 2, 3)[shift], -((shift + len(plain)) % 3 and 4) or None
    return encoded[first:last]


@dataclass(frozen=True)
class Found:
    place: str
    secret: str
    form: str


def search(places: Mapping[str, bytes], secrets: Iterable[Secret]) -> set[Found]:
    """Where which secret stands, and in which form."""
    forms = [(secret.name, form, p) for secret in secrets for form, p in secret.forms.items()]
    return {
        Found(place, name, form)
        for place, content in places.items()
        for name, form, wanted in forms
        if (wanted in content if isinstance(wanted, bytes) else wanted.search(content))
    }
