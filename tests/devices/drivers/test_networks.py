"""What may be searched: a part of a site's own networks, of a bounded size."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.drivers import networks
from devices.drivers.networks import (
    CannotSearch,
    NotANetwork,
    NotUnicast,
    OutsideSite,
    TooLarge,
    own_interfaces,
    scan_range,
)

SITE = [
    ipaddress.ip_network("10.20.0.0/16"),
    ipaddress.ip_network("192.168.7.0/25"),
    ipaddress.ip_network("2001:db8:5::/64"),
]


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("10.20.16.0/20", "10.20.16.0/20"),
        (" 10.20.3.0/24\n", "10.20.3.0/24"),
        ("10.20.3.77/24", "10.20.3.0/24"),
        ("10.20.3.0/255.255.255.0", "10.20.3.0/24"),
        ("192.168.7.9", "192.168.7.9/32"),
        ("2001:db8:5::1000/116", "2001:db8:5::1000/116"),
        ("2001:db8:5::1", "2001:db8:5::1/128"),
    ],
)
def test_a_part_of_the_sites_own_networks_is_scanned(asked, meant):
    assert scan_range(asked, SITE) == ipaddress.ip_network(meant)


@pytest.mark.parametrize(
    ("refusal", "asked"),
    [
        (NotANetwork, ""),
        (NotANetwork, "camera.example"),
        (NotANetwork, "10.20.3"),
        (NotANetwork, "10.20.3.0/33"),
        (NotANetwork, "10.20.3.0-10.20.4.0"),
        (NotANetwork, "169089792"),
        (NotANetwork, "10.20.3.0/" + "9" * 9000),
        (TooLarge, "10.20.0.0/19"),
        (TooLarge, "10.20.0.0/16"),
        (TooLarge, "2001:db8:5::/115"),
        (OutsideSite, "10.21.0.0/24"),
        (OutsideSite, "192.168.7.0/24"),
        (OutsideSite, "127.0.0.1"),
        (OutsideSite, "169.254.169.254"),
        (OutsideSite, "2001:db8:6::1"),
        (NotUnicast, "224.0.0.0/24"),
        (NotUnicast, "239.255.255.250"),
        (NotUnicast, "255.255.255.255"),
        (NotUnicast, "0.0.0.0"),
        (NotUnicast, "0.0.0.0/0"),
        (NotUnicast, "ff02::c"),
        (NotUnicast, "::"),
        (NotUnicast, "::ffff:10.20.3.0/120"),
        (NotUnicast, "fe80::1%eth0"),
    ],
)
def test_anything_else_is_refused_with_a_reason(refusal, asked):
    with pytest.raises(refusal) as refused:
        scan_range(asked, [*SITE, ipaddress.ip_network("224.0.0.0/4")])
    assert refused.value.code
    assert str(refused.value).endswith(".")


def test_a_site_without_networks_has_nothing_to_scan():
    with pytest.raises(OutsideSite):
        scan_range("10.20.3.0/24", [])


@given(st.text(alphabet="0123456789abcdef.:/%- ", max_size=40) | st.text())
def test_no_text_brings_out_anything_but_a_network_of_the_site_or_a_refusal(text):
    try:
        network = scan_range(text, SITE)
    except CannotSearch:
        return
    assert network.num_addresses <= 4096
    assert networks.contains(SITE, network)


def test_this_machines_own_addresses_are_found_with_their_networks():
    loopback = next(i for i in own_interfaces() if str(i.address) == "127.0.0.1")
    assert loopback.name in dict(map(reversed, socket.if_nameindex()))
    assert loopback.network == ipaddress.ip_network("127.0.0.0/8")
    assert all(i.address in i.network for i in own_interfaces())


def test_where_the_system_tells_no_masks_an_address_is_its_own_network(monkeypatch):
    monkeypatch.setattr(networks.sys, "platform", "another")
    monkeypatch.setattr(socket, "gethostbyname_ex", lambda name: (name, [], ["203.0.113.9"]))
    (only,) = own_interfaces()
    assert str(only.address) == "203.0.113.9" and str(only.network) == "203.0.113.9/32"
