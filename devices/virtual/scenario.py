"""Fleets that the demo, the tests and the load runs use: the same seed, the same devices."""

from pathlib import Path

from devices.virtual import scenario_file
from devices.virtual.draw import drawn
from devices.virtual.layout import MOST_AT_PORTS, PORT_BASE, Layout
from devices.virtual.spec import DeviceSpec

_NOT_ADDED = "not decided yet"
"""The place in demo.toml of devices that are there to be found."""


def demo_scenario(seed: int, port_base: int = PORT_BASE) -> list[DeviceSpec]:
    """All of demo.toml: what the demo adds, and what stands beside it to be found.

    They take the ports from ``port_base`` up; 0 means any free ones.
    """
    return scenario_file.read(Path("demo"), seed=seed, port_base=port_base)


def default_scenario(seed: int, port_base: int = PORT_BASE) -> list[DeviceSpec]:
    """What the demo adds: 14 devices at two places; one lies, one is slow, one is dead."""
    return [spec for spec in demo_scenario(seed, port_base) if spec.place != _NOT_ADDED]


def uniform_scenario(seed: int, count: int, port_base: int = PORT_BASE) -> list[DeviceSpec]:
    """``count`` honest cameras that stand alone, for load; many have addresses of their own."""
    layout = Layout(port_base, addresses=count > MOST_AT_PORTS)
    return [
        drawn(seed, index, "camera", f"Camera {index + 1:05d}", "yard", layout)
        for index in range(count)
    ]
