"""Where virtual devices are found on loopback: at ports of one address, or at addresses."""

from dataclasses import dataclass
from ipaddress import IPv4Address

from devices.virtual.spec import ServiceSpec

PORT_BASE = 18000

MOST_AT_PORTS = 1000
"""Devices at one address."""

# A recorder's own page is at the port of the local web API, which is a part of it.
_AT_PORTS = {
    "onvif": 0, "rtsp": 1, "vigi_local": 2, "vigi_recorder": 2, "vigi_nvr": 3, "recovery": 4,
}  # fmt: skip
_AT_ADDRESSES = {
    "onvif": 0, "rtsp": 554, "vigi_local": 443, "vigi_recorder": 443, "vigi_nvr": 2443,
    "recovery": 800,
}  # fmt: skip
SERVICES = tuple(_AT_PORTS)[1:]
_IN_NETWORK = 254  # addresses of a /24 that devices are given


@dataclass(frozen=True, slots=True)
class Layout:
    """Ports count up from ``port_base`` at 127.0.0.1, a thousand apart for each service; with
    ``addresses`` each device has one of its own, from ``network`` up, and all the same ports.

    A system may have no other address than 127.0.0.1. ``port_base`` 0: any free ports.
    """

    port_base: int = PORT_BASE
    addresses: bool = False
    network: str = "127.16.0.0"

    def host(self, index: int) -> str:
        if not self.addresses:
            return "127.0.0.1"
        networks, rest = divmod(index, _IN_NETWORK)
        return str(IPv4Address(self.network) + 256 * networks + rest + 1)

    def port(self, index: int, service: str = "onvif") -> int:
        """Raises ValueError where there are too many devices for the ports that there are."""
        if not self.port_base:
            return 0
        if self.addresses:
            return self.port_base + _AT_ADDRESSES[service]
        port = self.port_base + MOST_AT_PORTS * _AT_PORTS[service] + index
        if index >= MOST_AT_PORTS or port > 65535:
            raise ValueError(
                f'at one address there is room for {MOST_AT_PORTS}: set layout = "addresses"'
            )
        return port

    def services(self, index: int, names: tuple[str, ...]) -> tuple[ServiceSpec, ...]:
        """Services by their names, "+tls" after it for TLS. Raises ValueError."""
        return tuple(self._service(index, name) for name in names)

    def _service(self, index: int, text: str) -> ServiceSpec:
        name, plus, tls = text.partition("+")
        if name not in SERVICES or (plus and tls != "tls"):
            raise ValueError(f'{text!r} is no service; there are {", ".join(SERVICES)}, and "+tls"')
        return ServiceSpec(name, self.port(index, name), tls=bool(plus))
