"""Devices made up for WS-Discovery: a UDP socket in the multicast group, on loopback."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from devices.drivers.ws_discovery import GROUP

Answer = tuple[str, bytes | str]
"""The address that it comes from, and what it says."""


@dataclass
class Responder:
    port: int
    say: Callable[[str, bytes | str], None]
    """Say this from that address to whoever asked last."""
    heard: list[str] = field(default_factory=list)

    def types_heard(self) -> list[str]:
        return [types_of(probe) for probe in self.heard]


@asynccontextmanager
async def responder(answer: Callable[[str], Iterable[Answer]]) -> AsyncIterator[Responder]:
    """Answers each datagram with what ``answer`` says to it."""
    senders: dict[str, socket.socket] = {}
    asker = ("", 0)

    def say(source: str, content: bytes | str) -> None:
        if source not in senders:
            senders[source] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            senders[source].bind((source, 0))  # another port than it was asked at
        senders[source].sendto(content if isinstance(content, bytes) else content.encode(), asker)

    class Protocol(asyncio.DatagramProtocol):
        def datagram_received(self, data, address):
            nonlocal asker
            asker = address
            seen.heard.append(data.decode())
            for source, content in answer(data.decode()):
                say(source, content)

    ear = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ear.bind(("", 0))
    ear.setsockopt(
        socket.IPPROTO_IP,
        socket.IP_ADD_MEMBERSHIP,
        socket.inet_aton(GROUP) + socket.inet_aton("127.0.0.1"),
    )
    seen = Responder(ear.getsockname()[1], say)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Protocol, sock=ear)
    try:
        yield seen
    finally:
        transport.close()
        for each in senders.values():
            each.close()


def id_of(probe: str) -> str:
    return re.search("MessageID>(.*?)<", probe)[1]


def types_of(probe: str) -> str:
    found = re.search("Types>(.*?)<", probe)
    return found[1] if found else ""


def answer_to(probe_or_id: str, *matches: str) -> str:
    """A ProbeMatches message as devices write it, with prefixes of its own."""
    relates_to = id_of(probe_or_id) if "<" in probe_or_id else probe_or_id
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<SOAP-ENV:Envelope xmlns:SOAP-ENV="http://www.w3.org/2003/05/soap-envelope"'
        ' xmlns:wsa="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
        ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"'
        ' xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><SOAP-ENV:Header>'
        f"<wsa:MessageID>uuid:1</wsa:MessageID><wsa:RelatesTo>{relates_to}</wsa:RelatesTo>"
        "</SOAP-ENV:Header><SOAP-ENV:Body>"
        f"<d:ProbeMatches>{''.join(matches)}</d:ProbeMatches>"
        "</SOAP-ENV:Body></SOAP-ENV:Envelope>"
    )


def match(
    xaddrs: str,
    endpoint: str = "urn:uuid:5f5a69c2-e0ae-504f-829b-00fcab4a3aa4",
    scopes: str = "onvif://www.onvif.org/type/ptz",
    types: str = "dn:NetworkVideoTransmitter",
) -> str:
    return (
        "<d:ProbeMatch><wsa:EndpointReference>"
        f"<wsa:Address>{endpoint}</wsa:Address></wsa:EndpointReference>"
        f"<d:Types>{types}</d:Types><d:Scopes>{scopes}</d:Scopes><d:XAddrs>{xaddrs}</d:XAddrs>"
        "<d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch>"
    )
