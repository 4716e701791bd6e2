"""WS-Discovery of the virtual fleet (April 2005, SOAP-over-UDP), on loopback alone.

One ear hears the multicast group for all devices, another one what is sent to it directly. Each
device answers from its own address, after a wait of its own, as the protocol asks for.
"""

import asyncio
import hashlib
import socket
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote
from uuid import NAMESPACE_URL, UUID, uuid5

from devices.drivers.errors import BadAnswer
from devices.drivers.safe_xml import parse, text_of
from devices.virtual.device import Device
from devices.virtual.host import HOST, Host
from devices.virtual.spec import Character, Discovery

GROUP = "239.255.255.250"

# Seconds. The protocol's APP_MAX_DELAY is 0.5; hundreds of devices in one process need longer, or
# the one who asks is sent more at once than the kernel stores for him. A few answer at once.
_LONGEST_WAIT, _WAIT_EACH = 2.0, 0.002
_DISCOVERY = "http://schemas.xmlsoap.org/ws/2005/04/discovery"
_ADDRESSING = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
_KINDS = {
    frozenset[str](): Discovery.ONLY_UNTYPED,
    frozenset({"Device"}): Discovery.ONLY_DEVICE,
    frozenset({"NetworkVideoTransmitter"}): Discovery.ONLY_TRANSMITTER,
    frozenset({"Device", "NetworkVideoTransmitter"}): Discovery.USUAL,
}
_ONLY = Discovery.ONLY_UNTYPED | Discovery.ONLY_DEVICE | Discovery.ONLY_TRANSMITTER


def endpoint_of(device: Device) -> str:
    """The device's own name, the same after every restart."""
    return f"urn:uuid:{uuid5(NAMESPACE_URL, f'virtual device {device.spec.serial}')}"


def answer_to(device: Device, message_id: str, types: frozenset[str]) -> bytes | None:
    """What a device answers to a probe for ``types`` (local names); None: nothing."""
    kind, manner = _KINDS.get(types), device.spec.discovery
    if kind is None or Discovery.SILENT in manner:
        return None
    if manner & _ONLY and not manner & kind:
        return None
    own = UUID(bytes=device.random_bytes(16), version=4)
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope"'
        f' xmlns:wsa="{_ADDRESSING}" xmlns:wsdd="{_DISCOVERY}"'
        ' xmlns:tds="http://www.onvif.org/ver10/device/wsdl"'
        ' xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><SOAP-ENV:Header>'
        f"<wsa:MessageID>urn:uuid:{own}</wsa:MessageID><wsa:RelatesTo>{message_id}</wsa:RelatesTo>"
        f"<wsa:To>{_ADDRESSING}/role/anonymous</wsa:To>"
        f"<wsa:Action>{_DISCOVERY}/ProbeMatches</wsa:Action></SOAP-ENV:Header><SOAP-ENV:Body>"
        "<wsdd:ProbeMatches><wsdd:ProbeMatch><wsa:EndpointReference>"
        f"<wsa:Address>{endpoint_of(device)}</wsa:Address></wsa:EndpointReference>"
        "<wsdd:Types>dn:NetworkVideoTransmitter tds:Device</wsdd:Types>"
        f"<wsdd:Scopes>{' '.join(_scopes(device))}</wsdd:Scopes>"
        f"<wsdd:XAddrs>{_address(device)}</wsdd:XAddrs>"
        "<wsdd:MetadataVersion>1</wsdd:MetadataVersion></wsdd:ProbeMatch></wsdd:ProbeMatches>"
        "</SOAP-ENV:Body></SOAP-ENV:Envelope>"
    ).encode()


def _scopes(device: Device) -> list[str]:
    spec = device.spec
    told = {"type": "video_encoder", "Profile": "Streaming", "hardware": spec.model,
            "name": f"{spec.vendor} {spec.name}", "location": spec.place}  # fmt: skip
    if not device.is_(Character.NAMELESS):
        told["MAC"] = spec.mac
    kept = " " if Discovery.RAW_SPACE in spec.discovery else ""
    return [f"onvif://www.onvif.org/{kind}/{quote(text, kept)}" for kind, text in told.items()]


def _address(device: Device) -> str:
    scheme = "https" if device.spec.tls else "http"
    return f"{scheme}://{device.spec.host}:{device.ports['onvif']}{quote(device.spec.path)}"


class Responder(asyncio.DatagramProtocol):
    """The ears of a fleet. ``problem`` says in a sentence why it has none; the fleet does without.

    ``port`` 0 is any free one, known once it is open.
    """

    def __init__(self, hosts: Mapping[str, Host], port: int) -> None:
        self.port = port
        self.problem = ""
        self._hosts = hosts
        self._ears: list[asyncio.DatagramTransport] = []
        self._spread = min(_LONGEST_WAIT, _WAIT_EACH * len(hosts))

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            for ear in self._sockets():
                made, _ = await loop.create_datagram_endpoint(lambda: self, sock=ear)
                self._ears.append(made)
        except OSError as error:
            self.problem = f"No WS-Discovery on port {self.port}: {error.strerror or error}."
            self.close()

    def close(self) -> None:
        for ear in self._ears:
            ear.close()
        self._ears.clear()

    def _sockets(self) -> list[socket.socket]:
        direct = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        group = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            direct.bind((HOST, self.port))
            self.port = direct.getsockname()[1]
            group.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            group.bind((GROUP, self.port))
            joined = socket.inet_aton(GROUP) + socket.inet_aton(HOST)
            group.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
        except OSError:
            direct.close()
            group.close()
            raise
        return [direct, group]

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        if not source[0].startswith("127."):  # another network's probes are none of ours
            return
        with suppress(BadAnswer):
            envelope = parse(data)
            message_id = text_of(envelope, "{*}Header/{*}MessageID")
            probe = envelope.find("{*}Body/{*}Probe")
            # A probe is sent twice, and many devices answer it twice.
            if probe is not None and message_id:
                words = (probe.findtext("{*}Types") or "").split()
                self._answer(message_id, frozenset(w.rpartition(":")[2] for w in words), source)

    def _answer(self, message_id: str, types: frozenset[str], to: tuple[str, int]) -> None:
        loop = asyncio.get_running_loop()
        for serial, host in self._hosts.items():
            drawn = hashlib.sha256(f"{serial}/{message_id}".encode()).digest()
            wait = self._spread * int.from_bytes(drawn[:2]) / 65536
            loop.call_later(wait, self._say, host, message_id, types, to)

    def _say(self, host: Host, message_id: str, types: frozenset[str], to: tuple[str, int]) -> None:
        device = host.device
        if not self._ears or not host.there():
            return
        if answer := answer_to(device, message_id, types):
            for _ in range(2 if Discovery.TWICE in device.spec.discovery else 1):
                self._send(device, answer, to)

    def _send(self, device: Device, answer: bytes, to: tuple[str, int]) -> None:
        elsewhere = Discovery.OTHER_PORT in device.spec.discovery
        if device.spec.host == HOST and not elsewhere:
            self._ears[0].sendto(answer, to)
            return
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mouth, suppress(OSError):
            mouth.bind((device.spec.host, 0 if elsewhere else self.port))
            mouth.sendto(answer, to)
