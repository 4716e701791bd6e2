"""The virtual fleet: cameras and recorders on loopback. Nothing in the product knows of it."""

from devices.virtual.device import (
    Auth,
    Character,
    DeviceSpec,
    Discovery,
    PasswordPolicy,
    ServiceSpec,
    Vendor,
)
from devices.virtual.scenario import default_scenario, demo_scenario, uniform_scenario
from devices.virtual.server import Fleet, ThreadedFleet, fleet_in_thread, running_fleet

__all__ = [
    "Auth",
    "Character",
    "DeviceSpec",
    "Discovery",
    "Fleet",
    "PasswordPolicy",
    "ServiceSpec",
    "ThreadedFleet",
    "Vendor",
    "default_scenario",
    "demo_scenario",
    "fleet_in_thread",
    "running_fleet",
    "uniform_scenario",
]
