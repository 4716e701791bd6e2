"""Which addresses Rekey never talks to, whoever asks it to.

A device's address is typed by people, read from files and told by devices, and Rekey then sends
requests there from where it stands. So it never talks to the machine it runs on, to the metadata
services of cloud providers, which hand out credentials to whoever asks from inside, to link-local
addresses, or to addresses of many. What counts is the address that a connection is made to:
``http`` asks at that moment, after names are resolved, and so has any other client to
(``address_of``).

The process begins with the strictest reach; ``configure`` allows devices on this very machine.
"""

import asyncio
import socket
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from devices.drivers.errors import ForbiddenAddress, OutOfFiles, Unreachable

_Address = IPv4Address | IPv6Address
_Network = IPv4Network | IPv6Network

# As each provider documents its own. Most are link-local, and kept apart to be told apart.
_METADATA = frozenset(
    map(
        ip_address,
        (
            "169.254.169.254",  # AWS, Google, Azure, DigitalOcean, Oracle, OpenStack, Hetzner
            "169.254.169.253",  # AWS: its resolver, which answers for instance-data
            "169.254.169.123",  # AWS: its clock
            "169.254.170.2",  # AWS: credentials of a container
            "169.254.170.23",  # AWS: credentials of a pod
            "169.254.0.23",  # Tencent
            "169.254.42.42",  # Scaleway
            "100.100.100.200",  # Alibaba
            "168.63.129.16",  # Azure: the host's agent
            "192.0.0.192",  # Oracle, of old
            "fd00:ec2::254",  # AWS
            "fd00:ec2::23",  # AWS: credentials of a pod
            "fd20:ce::254",  # Google
            "fd00:42::42",  # Scaleway
            "fd00:c1::a9fe:a9fe",  # Oracle
        ),
    )
)
_METADATA_NAMES = frozenset(
    (
        "metadata",
        "metadata.google.internal",
        "metadata.goog",
        "instance-data",
        "instance-data.ec2.internal",
        "metadata.azure.internal",
        "metadata.azure.com",
        "metadata.tencentyun.com",
        "metadata.platformequinix.com",
        "metadata.packet.net",
        "metadata.oraclecloud.com",
    )
)
_OWN_NAMES = ("localhost", "localdomain", "ip6-localhost", "ip6-loopback")
_IN_IPV6 = {
    ip_network("::/96"): 0,  # compatible, of old; the loopback and :: are looked at before
    ip_network("64:ff9b::/96"): 0,  # NAT64
    ip_network("2002::/16"): 80,  # 6to4
}
"""Where an IPv6 address holds an IPv4 address: how many bits follow it."""
_THIS_NETWORK = ip_network("0.0.0.0/8")


@dataclass(frozen=True, slots=True)
class Reach:
    """``allowed``: networks whose addresses may be this machine's own all the same.

    ``own_ports``: what listens there for Rekey itself (its pages, mail, database, broker) and
    stays out of reach even so, also under ``own_names``: what people type to come to Rekey.
    Nothing allows metadata services, link-local addresses and addresses of many.
    """

    allowed: tuple[_Network, ...] = ()
    own_ports: frozenset[int] = frozenset()
    own_names: frozenset[str] = frozenset()

    def problem(self, host: str, port: int) -> str | None:
        """Why ``host`` (an address, or a name, which is not resolved) is out of reach, or None.

        "own_address", "own_port", "metadata_address", "link_local" or "not_unicast".
        """
        host = _plain(host)
        address = _literal(host)
        if address is not None:
            return self._problem_of(address, port)
        if host in _METADATA_NAMES:
            return "metadata_address"
        ours = host.endswith(tuple(f".{name}" for name in _OWN_NAMES)) or host in _OWN_NAMES
        if ours and not self.allowed:
            return "own_address"
        if (ours or host in self.own_names) and port in self.own_ports:
            return "own_port"
        return None  # it depends on where it leads

    def _problem_of(self, address: _Address, port: int) -> str | None:
        if address in _METADATA:
            return "metadata_address"
        if address.is_link_local:
            return "link_local"
        if address.is_multicast or (address.version == 4 and address.is_reserved):
            return "not_unicast"  # 255.255.255.255 is among those that are reserved
        if address.is_loopback or address.is_unspecified or _is_ours(address):
            if not any(address in network for network in self.allowed):
                return "own_address"
            return "own_port" if port in self.own_ports else None
        return None


_current = Reach()


def configure(
    allowed: Iterable[str] = (), own_ports: Iterable[int] = (), own_names: Iterable[str] = ()
) -> None:
    """Set the reach of this process. ``allowed`` as CIDR. Raises ValueError."""
    global _current
    _current = Reach(
        tuple(map(ip_network, allowed)), frozenset(own_ports), frozenset(map(_plain, own_names))
    )


def is_metadata(host: str) -> bool:
    """Whether ``host`` is the name of a metadata service, which is not even to be resolved."""
    return _plain(host) in _METADATA_NAMES


def current() -> Reach:
    return _current


async def address_of(host: str, port: int) -> str:
    """The first address of ``host`` that is within reach, to connect to instead of the name.

    Raises ForbiddenAddress, Unreachable.
    """
    problem = _current.problem(host, port)
    if problem:
        raise ForbiddenAddress(problem)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:  # no such name, or nothing that could be one
        raise Unreachable("The device's name is not known.") from error
    for _, _, _, _, (address, *_) in found:
        problem = _current.problem(str(address), port)
        if problem is None:
            return str(address)
    raise ForbiddenAddress(problem or "")


def _plain(host: str) -> str:
    """As a resolver would read it: full-width digits, capitals and a dot at the end."""
    return unicodedata.normalize("NFKC", host).strip("[] .\t\r\n").lower()


def _literal(host: str) -> _Address | None:
    try:
        address = ip_address(host)
    except ValueError:
        try:
            address = IPv4Address(socket.inet_aton(host))  # 127.1, 0x7f000001, 2130706433
        except (OSError, ValueError):
            return None
    if isinstance(address, IPv6Address):
        return _unwrapped(IPv6Address(int(address)))  # without a zone
    return address


def _unwrapped(address: IPv6Address) -> _Address:
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if not (address.is_loopback or address.is_unspecified):
        for network, bits in _IN_IPV6.items():
            if address in network:
                return IPv4Address(int(address) >> bits & 0xFFFFFFFF)
    return address


def _is_ours(address: _Address) -> bool:
    """Whether an interface of this machine has the address. Asked anew: interfaces come and go."""
    if address in _THIS_NETWORK:
        return True
    if not _can_be_bound(address):
        return False
    return not _binds_anything(address.version) or _source_towards(address) == address


def _can_be_bound(address: _Address) -> bool:
    try:
        with _datagram_socket(address.version) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True


@cache
def _binds_anything(version: int) -> bool:
    """Whether this machine binds addresses that it has not, as some with a floating one do."""
    return _can_be_bound(ip_address("192.0.2.1" if version == 4 else "2001:db8::1"))


def _source_towards(address: _Address) -> _Address | None:
    try:
        with _datagram_socket(address.version) as probe:
            probe.connect((str(address), 9))  # sends nothing: it only looks for a way
            return ip_address(probe.getsockname()[0])
    except OSError:
        return None


def _datagram_socket(version: int) -> socket.socket:
    return new_socket(socket.AF_INET if version == 4 else socket.AF_INET6, socket.SOCK_DGRAM)


def new_socket(family: int, kind: int, protocol: int = 0) -> socket.socket:
    """Raises OutOfFiles, OSError."""
    try:
        return socket.socket(family, kind, protocol)
    except OSError as error:
        OutOfFiles.if_so(error)
        raise
