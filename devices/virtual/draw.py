"""One virtual device, drawn by the seed."""

import hashlib
import random
import string
from typing import Any

from devices.virtual.layout import Layout
from devices.virtual.spec import Auth, DeviceSpec, Vendor
from devices.virtual.vendors import MODELS

_AUTHS = (Auth.DIGEST_SHA256, Auth.WS, Auth.DIGEST_MD5)


def drawn(
    seed: int, index: int, kind: str, name: str, place: str, layout: Layout, **traits: Any
) -> DeviceSpec:
    """The device of that number, drawn by the seed; ``traits`` are further fields of its spec."""
    # Each device has its own source of chance: adding one leaves the others as they are.
    chance = random.Random(f"{seed}/{index}")  # noqa: S311  # nosec B311
    serial = "22" + "".join(chance.choices(string.digits, k=11))
    return DeviceSpec(
        **{
            "serial": serial,
            "kind": kind,
            "name": name,
            "place": place,
            "model": chance.choice(MODELS[traits.get("vendor", Vendor.TP_LINK), kind]),
            "mac": "00-FF-00-" + "-".join(f"{chance.randrange(256):02X}" for _ in range(3)),
            "firmware": _firmware(chance),
            "password": _password(seed, serial),
            "seed": f"{seed}/{index}",
            "host": layout.host(index),
            "port": layout.port(index),
            "auth": _AUTHS[index % len(_AUTHS)],
            **traits,
        }
    )


def _firmware(chance: random.Random) -> str:
    version = f"{chance.randint(1, 2)}.{chance.randint(0, 3)}.{chance.randint(0, 9)}"
    day = f"{chance.randint(24, 25)}{chance.randint(1, 12):02d}{chance.randint(1, 28):02d}"
    return f"{version} Build {day}"


def _password(seed: int, serial: str) -> str:
    """The first password of ``admin``: 16 letters and digits that look random, of three classes."""
    drawn = hashlib.sha256(f"first password/{seed}/{serial}".encode()).digest()
    letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    return "".join(letters[byte % len(letters)] for byte in drawn[:13]) + "k7R"
