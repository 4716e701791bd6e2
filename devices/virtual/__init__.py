"""The virtual fleet: cameras and recorders on loopback. Nothing in the product knows of it."""

from devices.virtual.device import Auth, Character, DeviceSpec, PasswordPolicy
from devices.virtual.scenario import default_scenario, uniform_scenario
from devices.virtual.server import Fleet, ThreadedFleet, fleet_in_thread, running_fleet

__all__ = [
    "Auth",
    "Character",
    "DeviceSpec",
    "Fleet",
    "PasswordPolicy",
    "ThreadedFleet",
    "default_scenario",
    "fleet_in_thread",
    "running_fleet",
    "uniform_scenario",
]
