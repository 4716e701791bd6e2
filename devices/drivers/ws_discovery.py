"""WS-Discovery: asking a network by multicast which devices are there. No login, IPv4.

Anybody on the network can answer, under any address and in anybody's name, so an answer is a hint
where to look. It is kept only if it points into the networks that were to be searched.
"""

import asyncio
import ipaddress
import random
import socket
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress

from devices.drivers import reach
from devices.drivers.errors import BadAnswer
from devices.drivers.found import Found
from devices.drivers.networks import Network, NoSuchInterface, contains
from devices.drivers.ws_discovery_messages import Match, Service, matches, probes

GROUP, PORT = "239.255.255.250", 3702

MOST_ANSWERS = 10_000
"""Datagrams that are taken in, of all probes together."""
LONGEST_ANSWER = 16 * 1024
"""Bytes of a datagram; the rest is cut off, and what is cut in two cannot be read."""

_REPEAT_DELAY = (0.05, 0.25)  # seconds; SOAP-over-UDP 1.1, appendix I: UDP_MIN_DELAY, UDP_MAX_DELAY
_RECEIVE_BUFFER = 8 * 1024 * 1024  # the kernel cuts it to what it allows
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Datagram = tuple[bytes, str]


async def probe(
    *,
    interface: str,
    within: Sequence[Network],
    port: int = PORT,
    seconds: float = 3.0,
    group: str = GROUP,
) -> list[Found]:
    """Ask from the interface with the IPv4 address ``interface``, and wait ``seconds`` for answers.

    ``within``: the networks that devices may be in; an answer that points elsewhere is left out,
    and so is an address that ``reach`` forbids. Each device comes once, in the order of address and
    port. Raises NoSuchInterface.
    """
    asked = probes()
    try:
        with _open(interface) as sender:
            answers = await _ask(sender, asked.values(), (group, port), seconds)
    except OSError as error:
        raise NoSuchInterface(
            "This machine cannot search from this address. Choose one of its interfaces."
        ) from error
    return _devices(answers, asked, within)


def _open(interface: str) -> socket.socket:
    sender = reach.new_socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sender.setblocking(False)
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface))
        sender.bind((interface, 0))
    except OSError:
        sender.close()
        raise
    return sender


async def _ask(
    sender: socket.socket, messages: Collection[bytes], to: tuple[str, int], seconds: float
) -> list[_Datagram]:
    loop = asyncio.get_running_loop()
    answers: list[_Datagram] = []
    end = loop.time() + seconds
    # UDP loses datagrams: each message goes out twice, with its id unchanged.
    for until in (loop.time() + random.uniform(*_REPEAT_DELAY), end):  # noqa: S311
        for message in messages:
            await loop.sock_sendto(sender, message, to)
        await _receive(sender, answers, min(until, end))
    return answers


async def _receive(sender: socket.socket, answers: list[_Datagram], until: float) -> None:
    """Take in what comes until then, unread: reading takes longer than the kernel can store."""
    loop = asyncio.get_running_loop()
    with suppress(TimeoutError):
        async with asyncio.timeout_at(until):
            while len(answers) < MOST_ANSWERS:
                data, source = await loop.sock_recvfrom(sender, LONGEST_ANSWER)
                answers.append((data, source[0]))
                await asyncio.sleep(0)  # in a flood the clock has its turn too


def _devices(
    answers: Iterable[_Datagram], asked: Collection[str], within: Sequence[Network]
) -> list[Found]:
    found: dict[str, Found] = {}
    for data, source in answers:
        with suppress(BadAnswer):
            for match in matches(data, asked):
                device = _found(match, ipaddress.ip_address(source), within)
                if device is not None:
                    found.setdefault(device.key, device)
    return sorted(found.values(), key=lambda f: (ipaddress.ip_address(f.host).packed, f.port))


def _found(match: Match, source: _Address, within: Sequence[Network]) -> Found | None:
    own = next((n for n in within if source in n), None)

    def preferred(service: Service) -> tuple[bool, ...]:
        address = service.address
        return (
            address != source,
            own is None or address not in own,
            address.version != 4,
            service.tls,
        )

    for service in sorted(match.services, key=preferred):
        host = str(service.address)
        if (
            contains(within, ipaddress.ip_network(service.address))
            and reach.current().problem(host, service.port) is None
        ):
            return Found(
                host=host,
                port=service.port,
                tls=service.tls,
                path=service.path,
                endpoint=match.endpoint,
                name=match.name,
                model=match.model,
                mac=match.mac,
            )
    return None
