"""The drivers by name. A new one is its file and a line here."""

from devices.drivers.base import Ability, Address, Driver
from devices.drivers.http import DEFAULT_TIMEOUT
from devices.drivers.onvif import Onvif
from devices.drivers.recovery import Recovery
from devices.drivers.rtsp import Rtsp
from devices.drivers.vigi_local import VigiLocal
from devices.drivers.vigi_nvr import VigiNvr
from devices.drivers.vigi_recorder import VigiRecorder

_DRIVERS: dict[str, type[Driver]] = {
    Onvif.name: Onvif,
    VigiNvr.name: VigiNvr,
    VigiLocal.name: VigiLocal,
    VigiRecorder.name: VigiRecorder,
    Rtsp.name: Rtsp,
    Recovery.name: Recovery,
}


def driver(name: str, address: Address, timeout: float = DEFAULT_TIMEOUT) -> Driver:
    """A driver for one device. ``timeout`` in seconds for each exchange. Raises KeyError."""
    return _DRIVERS[name](address, timeout)


def abilities_of(name: str) -> frozenset[Ability]:
    """What a driver can do; nothing where there is no such driver."""
    known = _DRIVERS.get(name)
    return known.abilities if known else frozenset()
