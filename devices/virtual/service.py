"""The shape that a virtual device's services share: a request in, a reply out.

A service is made from a Device when the device is switched on, and forgotten when it loses power:
what it remembers of challenges, tokens and nonces is void after a restart. What has to outlive one
is kept in the Device. It does no I/O, has no clock (the time comes with each request) and no chance
of its own (``Device.random_bytes``), so that a seeded run repeats to the byte.

============= ======================================= =============================================
service       class                                   made with
============= ======================================= =============================================
onvif         ``onvif_service.OnvifService``          the device
rtsp          ``rtsp_service.RtspService``            the device (a ``LineService``)
vigi_nvr      ``nvr_api.NvrApi``                      the device, and ``Online``
vigi_local    ``local_api.LocalApi``                  the device
vigi_recorder ``recorder_api.RecorderApi``            the device, and ``Cameras``
recovery      ``recovery_service.RecoveryService``    the device
============= ======================================= =============================================
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

Online = Callable[[int], bool]
"""Whether the recorder reaches the camera on a channel, and its copy of the password opens it."""


class Cameras(Protocol):
    """What a recorder finds on its network."""

    def at(self, host: str, port: int) -> "Found | None":
        """The camera at an address; None where there is none, or none that answers."""
        ...

    def opens(self, channel: int) -> bool | None:
        """Whether what the recorder has stored opens the camera; None: it does not answer."""
        ...

    def tried(self, serial: str, username: str, password: str) -> None:
        """Log in at the camera, as a recorder does with a new password: a wrong one costs a try."""
        ...


@dataclass(frozen=True, slots=True)
class Found:
    """A camera on the network, as a recorder tells cameras apart."""

    serial: str
    model: str
    mac: str


Then = Literal["", "restart", "factory-reset"]


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request.

    ``target`` is that of the request line: path and query, percent-encoded. ``headers`` are by name
    in lower case. ``client`` is the address that it comes from; ``now`` the world's time in seconds
    since 1970.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    client: str
    now: float


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer. Content-Length is added to ``headers``.

    ``changed``: something that the device keeps without power has changed; it is on the disk before
    the answer is given. ``then``: what the device does once the answer is out.
    """

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    changed: bool = False
    then: Then = ""


class Service(Protocol):
    """An HTTP service of one device that is on."""

    def answer(self, request: Request) -> Reply:
        """Answer one request; never raises for what a client sends."""
        ...


class LineService(Protocol):
    """A service with a line protocol like RTSP's: head, empty line, body by Content-Length."""

    def answer(self, request: str, client: str, now: float) -> bytes:
        """Answer one request, given with its head's empty line; never raises for what is sent."""
        ...
