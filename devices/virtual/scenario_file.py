"""A fleet written down as TOML: see the files in ``scenarios/``.

====================== ===========================================================================
``size``               how many devices are drawn, beside the named ones
``seed``               of all chance; the same file and seed make the same fleet
``layout``             "ports" (all at 127.0.0.1) or "addresses" (127.x.y.z, the same ports each)
``network``            the first address, 127.16.0.0 unless given
``port_base``          the first port, 18000 unless given
``place``              of the drawn devices
``[all]``              what every device has, named or drawn: fields of DeviceSpec
``[character]``        traits by their names, "liar+slow" for two, and how many drawn devices have
``[discovery]``        them: a part (0.02) or a number (3); no device is given two of a table
``[nvr_traits]``       the same with how recorders take changes of their lists of cameras
``[vendor]``           the same with vendors
``[auth]``             the same with "ws", "http-digest md5", "http-digest sha256"
``[delay]``            the same with seconds before each answer: "1.5" = 0.1
``[flapping]``         the same with seconds after which it is drawn anew whether it is there
``[clock_skew]``       the same with seconds by which its clock is ahead
``[services]``         "rtsp", "recovery", "vigi_local+tls" …; these may meet in one device
``[recorders]``        ``count`` of the drawn devices, each with ``cameras`` more on its channels
``[[device]]``         a named one: ``name``, and fields of DeviceSpec; ``nvr`` is a recorder's name
====================== ===========================================================================
"""

import random
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from devices.virtual.draw import drawn
from devices.virtual.layout import PORT_BASE, Layout
from devices.virtual.spec import (
    Auth,
    Character,
    DeviceSpec,
    Discovery,
    NvrTraits,
    PasswordPolicy,
    Vendor,
)
from devices.virtual.vendors import LOCKOUTS

FOLDER = Path(__file__).parent / "scenarios"

_TABLES: dict[str, Callable[[Any], Any]] = {
    "character": Character,
    "discovery": Discovery,
    "nvr_traits": NvrTraits,
    "vendor": Vendor,
    "auth": Auth,
    "delay": float,
    "flapping": float,
    "clock_skew": float,
}
_TOP = {"size", "seed", "layout", "network", "port_base", "place", "all", "services", "recorders",
        "device", *_TABLES}  # fmt: skip
_OWN = {field.name for field in fields(DeviceSpec)} - {"seed", "host"}


class ScenarioWrong(Exception):
    """The file cannot be understood; the sentence says where."""


def read(
    path: Path, *, size: int | None = None, seed: int | None = None, port_base: int | None = None
) -> list[DeviceSpec]:
    """The devices of a file, in which size, seed and ports may be overruled. Raises ScenarioWrong.

    A name without a folder is also looked for among the scenarios that come with Rekey.
    """
    try:
        known = FOLDER / f"{path.name.removesuffix('.toml')}.toml"
        text = (known if not path.is_file() and path.parent == Path() else path).read_text("utf-8")
        content = tomllib.loads(text)
        overruled = {"size": size, "seed": seed, "port_base": port_base}
        content |= {name: value for name, value in overruled.items() if value is not None}
        return _devices(content)
    except OSError as error:
        known_names = ", ".join(sorted(file.stem for file in FOLDER.glob("*.toml")))
        raise ScenarioWrong(
            f"The scenario {path} cannot be read. Give a file's path, or one of {known_names}."
        ) from error
    except (ValueError, TypeError, KeyError) as error:  # tomllib's own error is a ValueError
        raise ScenarioWrong(f"The scenario {path} is wrong: {error}.") from error


def _devices(content: Mapping[str, Any]) -> list[DeviceSpec]:
    if unknown := content.keys() - _TOP:
        raise ValueError(f"{sorted(unknown)[0]!r} means nothing here")
    seed = int(content.get("seed", 1))
    layout = _layout(content)
    named: list[DeviceSpec] = []
    for index, device in enumerate(content.get("device", [])):
        known = {spec.name: spec for spec in named}
        named.append(_named(seed, index, {**content.get("all", {}), **device}, layout, known))
    return named + _drawn(seed, len(named), content, layout)


def _layout(content: Mapping[str, Any]) -> Layout:
    kinds = {"ports": False, "addresses": True}
    kind = content.get("layout", "ports")
    if kind not in kinds:
        raise ValueError('layout is "ports" or "addresses"')
    return Layout(
        content.get("port_base", PORT_BASE), kinds[kind], content.get("network", "127.16.0.0")
    )


def _named(
    seed: int, index: int, device: dict[str, Any], layout: Layout, known: dict[str, DeviceSpec]
) -> DeviceSpec:
    kind, name = device.pop("kind", "camera"), device.pop("name")
    place = device.pop("place", "yard")
    if nvr := device.pop("nvr", ""):
        if nvr not in known:
            raise ValueError(f"{name!r} hangs at {nvr!r}, which is none of the devices before it")
        device["nvr"] = known[nvr].serial
    traits = _traits(kind, index, device, layout)
    return drawn(seed, index, kind, name, place, layout, **traits)


def _drawn(seed: int, first: int, content: Mapping[str, Any], layout: Layout) -> list[DeviceSpec]:
    count = int(content.get("size", 0))
    recorders = content.get("recorders", {})
    each = 1 + recorders.get("cameras", 0)
    dealt = {table: _dealt(seed, table, content.get(table, {}), count) for table in _TABLES}
    services = [
        _dealt(seed, service, {service: share}, count)
        for service, share in content.get("services", {}).items()
    ]
    specs: list[DeviceSpec] = []
    for number in range(count):
        index, (group, channel) = first + number, divmod(number, each)
        kind, name = "camera", f"Camera {number + 1:05d}"
        traits = dict(content.get("all", {}))
        traits |= {table: d[number] for table, d in dealt.items() if d[number]}
        own = [*traits.get("services", []), *(d[number] for d in services if d[number])]
        if group < recorders.get("count", 0) and channel:
            traits |= {"nvr": specs[number - channel].serial, "channel": channel}
        elif group < recorders.get("count", 0):
            kind, name = "nvr", f"Recorder {group + 1:04d}"
            own.append("vigi_nvr+tls")
        traits["services"] = own
        made = _traits(kind, index, traits, layout)
        specs.append(drawn(seed, index, kind, name, content.get("place", "yard"), layout, **made))
    return specs


def _traits(kind: str, index: int, given: Mapping[str, Any], layout: Layout) -> dict[str, Any]:
    """Fields of a DeviceSpec from what is written; the vendor's lock-out where none is."""
    if unknown := given.keys() - _OWN:
        raise ValueError(f"{sorted(unknown)[0]!r} is nothing that a device has")
    made = {name: _TABLES[name](v) if name in _TABLES else v for name, v in given.items()}
    made["services"] = layout.services(index, tuple(made.get("services", ())))
    if "policy" in made:
        made["policy"] = PasswordPolicy(**made["policy"])
    return {**LOCKOUTS[made.get("vendor", Vendor.TP_LINK), kind], **made}


def _dealt(seed: int, table: str, shares: Mapping[str, float], count: int) -> list[str]:
    """To each of ``count`` devices a name of the table or "", each name as often as is asked."""
    dealt: list[str] = []
    parts = 0.0  # rounded as a sum, so that parts of a whole never make more than it
    for name, share in shares.items():
        if isinstance(share, int):
            dealt += [name] * share
        else:
            dealt += [name] * (round((parts + share) * count) - round(parts * count))
            parts += share
    if len(dealt) > count:
        raise ValueError(f"[{table}] asks for {len(dealt)} devices of {count}")
    dealt += [""] * (count - len(dealt))
    random.Random(f"{seed}/{table}").shuffle(dealt)  # noqa: S311  # nosec B311
    return dealt
