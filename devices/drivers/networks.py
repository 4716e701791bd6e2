"""The networks that may be searched: this machine's own interfaces, and ranges of a site's."""

import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

LARGEST = {4: 20, 6: 116}
"""The shortest prefix that is scanned, by IP version: 4,096 addresses either way."""


class CannotSearch(ValueError):
    """A search that is refused. ``code`` is stable; ``str(error)`` says what to do next."""

    code: ClassVar[str]


class NotANetwork(CannotSearch):
    code = "not_a_network"


class NotUnicast(CannotSearch):
    code = "not_unicast"


class TooLarge(CannotSearch):
    code = "network_too_large"


class OutsideSite(CannotSearch):
    code = "outside_site"


class NoSuchInterface(CannotSearch):
    code = "no_such_interface"


@dataclass(frozen=True, slots=True)
class Interface:
    """An IPv4 address of this machine, and the network that it is on."""

    name: str
    address: ipaddress.IPv4Address
    network: ipaddress.IPv4Network


def scan_range(cidr: str, site_networks: Sequence[Network]) -> Network:
    """The network that ``cidr`` means, if it may be scanned: a part of one of the site's own.

    One address stands for itself, an address with a prefix for the network that it is in.
    Raises NotANetwork, NotUnicast, TooLarge, OutsideSite.
    """
    try:
        network = ipaddress.ip_network(cidr.strip(), strict=False)
    except ValueError as error:
        raise NotANetwork("Give a network such as 192.168.1.0/24.") from error
    if not _unicast(network):
        raise NotUnicast("No device can have an address in this network. Give the site's own.")
    if network.prefixlen < LARGEST[network.version]:
        raise TooLarge(
            f"Give a network of /{LARGEST[network.version]} or smaller, "
            "and scan a larger one in parts."
        )
    if not contains(site_networks, network):
        raise OutsideSite("This is not in the site's own networks. Give one that is, or add it.")
    return network


def contains(networks: Sequence[Network], part: Network) -> bool:
    """Whether ``part`` lies in one of ``networks``."""
    return any(
        # The version first: subnet_of compares only like with like.
        part.version == whole.version and part.subnet_of(whole)  # type: ignore[arg-type]
        for whole in networks
    )


def own_interfaces() -> list[Interface]:
    """This machine's IPv4 addresses and their networks, as far as the system tells.

    Elsewhere than on Linux it tells no masks without further libraries: each address then stands
    as a network of its own.
    """
    if sys.platform == "linux":
        return list(_by_netlink())
    _, _, addresses = socket.gethostbyname_ex(socket.gethostname())
    return [Interface("", ipaddress.IPv4Address(a), ipaddress.IPv4Network(a)) for a in addresses]


def _unicast(network: Network) -> bool:
    if isinstance(network, ipaddress.IPv4Network):
        # "this network"; multicast, reserved, broadcast
        return not any(map(network.overlaps, _IPV4_SPECIAL))
    if network.network_address.scope_id is not None:
        return False  # a zone counts on one machine only
    return not any(map(network.overlaps, _IPV6_SPECIAL))


_IPV4_SPECIAL = (ipaddress.IPv4Network("0.0.0.0/8"), ipaddress.IPv4Network("224.0.0.0/3"))
# no address, IPv4 in disguise, multicast
_IPV6_SPECIAL = tuple(map(ipaddress.IPv6Network, ("::/128", "::ffff:0:0/96", "ff00::/8")))

# rtnetlink(7), netlink(7): the kernel is asked for all addresses. What else the standard library
# reaches (SIOCGIFADDR) tells only the first one of an interface.
_RTM_NEWADDR, _RTM_GETADDR = 20, 22
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_REQUEST_DUMP = 0x301
_IFA_ADDRESS, _IFA_LOCAL = 1, 2
_MESSAGE = struct.Struct("=IHHII")  # length, kind, flags, sequence, sender
_ADDRESS = struct.Struct("=BBBBI")  # family, prefix length, flags, scope, interface
_ATTRIBUTE = struct.Struct("=HH")  # length, kind


def _by_netlink() -> list[Interface]:
    found: list[Interface] = []
    names = dict(socket.if_nameindex())
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        kernel.settimeout(5)
        size = _MESSAGE.size + _ADDRESS.size
        kernel.send(
            _MESSAGE.pack(size, _RTM_GETADDR, _REQUEST_DUMP, 1, 0)
            + _ADDRESS.pack(socket.AF_INET, 0, 0, 0, 0)
        )
        while True:
            for kind, content in _pieces(_MESSAGE, kernel.recv(1 << 16)):
                if kind in (_NLMSG_DONE, _NLMSG_ERROR):
                    return found
                if kind == _RTM_NEWADDR:
                    found.append(_interface(content, names))


def _interface(content: bytes, names: dict[int, str]) -> Interface:
    _, prefix, _, _, index = _ADDRESS.unpack_from(content)
    told = dict(_pieces(_ATTRIBUTE, content[_ADDRESS.size :]))
    # The network is that of the other end's address on a point-to-point link.
    address = ipaddress.IPv4Address(told.get(_IFA_LOCAL) or told[_IFA_ADDRESS])
    network = ipaddress.IPv4Network((told[_IFA_ADDRESS], prefix), strict=False)
    return Interface(names.get(index, ""), address, network)


def _pieces(header: struct.Struct, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Netlink's way with messages and attributes alike: a length, a kind, padded to four bytes."""
    start = 0
    while start + header.size <= len(data):
        length, kind = header.unpack_from(data, start)[:2]
        if length < header.size:
            return
        yield kind, data[start + header.size : start + length]
        start += (length + 3) & ~3
