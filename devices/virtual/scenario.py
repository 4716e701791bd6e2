"""Which devices there are: a pure function of the seed, so that every run has the same fleet."""

import hashlib
import random
import string
from dataclasses import dataclass

from devices.virtual.device import Auth, Character, DeviceSpec

PORT_BASE = 18000

_AUTHS = (Auth.DIGEST_SHA256, Auth.WS, Auth.DIGEST_MD5)


@dataclass(frozen=True, slots=True)
class _Place:
    """An NVR, the cameras on its channels in order, and cameras that stand alone."""

    place: str
    nvr: str
    channels: tuple[str, ...]
    alone: tuple[str, ...]


_PLACES = (
    _Place(
        "harbour",
        "Harbour recorder",
        ("Harbour gate north", "Harbour gate south", "Harbour crane", "Harbour quay",
         "Harbour fuel dock", "Harbour office"),
        ("Harbour slipway",),
    ),
    _Place(
        "museum",
        "Museum recorder",
        ("Museum entrance", "Museum hall", "Museum cloakroom", "Museum archive"),
        ("Museum courtyard",),
    ),
)  # fmt: skip
_CHARACTERS = {
    "Harbour crane": Character.SLOW,
    "Museum cloakroom": Character.LIAR,
    "Museum courtyard": Character.DEAD,
}


def default_scenario(seed: int, port_base: int = PORT_BASE) -> list[DeviceSpec]:
    """The demo's fleet: 14 devices at two places; one lies, one is slow, one is dead.

    They take the ports from ``port_base`` up; 0 means any free ones.
    """
    specs: list[DeviceSpec] = []
    for place in _PLACES:
        nvr = _spec(seed, len(specs), "nvr", place.nvr, place.place, port_base)
        specs.append(nvr)
        for channel, name in enumerate(place.channels, start=1):
            specs.append(
                _spec(seed, len(specs), "camera", name, place.place, port_base, nvr.serial, channel)
            )
        for name in place.alone:
            specs.append(_spec(seed, len(specs), "camera", name, place.place, port_base))
    return specs


def uniform_scenario(seed: int, count: int, port_base: int = PORT_BASE) -> list[DeviceSpec]:
    """``count`` honest cameras that stand alone, for load."""
    return [
        _spec(seed, index, "camera", f"Camera {index + 1:05d}", "yard", port_base)
        for index in range(count)
    ]


def _spec(
    seed: int,
    index: int,
    kind: str,
    name: str,
    place: str,
    port_base: int,
    nvr: str | None = None,
    channel: int | None = None,
) -> DeviceSpec:
    # Each device has its own source of chance: adding one leaves the others as they are.
    chance = random.Random(f"{seed}/{index}")  # noqa: S311  # nosec B311
    serial = "22" + "".join(chance.choices(string.digits, k=11))
    character = _CHARACTERS.get(name, Character.HONEST)
    models = ("VIGI NVR1008H", "VIGI NVR1016H") if kind == "nvr" else (
        "VIGI C340", "VIGI C440", "VIGI C540V", "VIGI C330I")  # fmt: skip
    return DeviceSpec(
        serial=serial,
        kind=kind,
        name=name,
        place=place,
        model=chance.choice(models),
        mac="00-FF-00-" + "-".join(f"{chance.randrange(256):02X}" for _ in range(3)),
        firmware=f"{chance.randint(1, 2)}.{chance.randint(0, 3)}.{chance.randint(0, 9)}"
        f" Build {chance.randint(24, 25)}{chance.randint(1, 12):02d}{chance.randint(1, 28):02d}",
        password=_password(seed, serial),
        seed=f"{seed}/{index}",
        port=port_base + index if port_base else 0,
        nvr=nvr,
        channel=channel,
        auth=_AUTHS[index % len(_AUTHS)],
        character=character,
        delay=1.5 if character is Character.SLOW else 0.0,
    )


def _password(seed: int, serial: str) -> str:
    """The first password of ``admin``: 16 letters and digits that look random, of three classes."""
    drawn = hashlib.sha256(f"first password/{seed}/{serial}".encode()).digest()
    letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    return "".join(letters[byte % len(letters)] for byte in drawn[:13]) + "k7R"
