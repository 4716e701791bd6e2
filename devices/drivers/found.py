"""What a search of a network comes upon: see ``ws_discovery`` and ``address_scan``."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """Something on the network that talks like a camera or a recorder. What it says of itself is
    bounded, printable, and not to be trusted. What it does not say is "" or None.

    ``endpoint`` is WS-Discovery's reference (mostly ``urn:uuid:…``); ``mac`` as in base.Identity.
    ``fresh``: whether it has no password yet; None where that could not be told.
    """

    host: str
    port: int
    tls: bool = False
    path: str = "/onvif/device_service"
    endpoint: str = ""
    name: str = ""
    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    mac: str = ""
    fresh: bool | None = None

    @property
    def key(self) -> str:
        """What it is known by from one search to the next, the most lasting first."""
        return self.endpoint or self.mac or self.serial or f"{self.host}:{self.port}"
