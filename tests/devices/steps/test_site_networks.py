from __future__ import annotations

import pytest

from devices.steps.open_site import SiteOpened
from devices.steps.site_networks import MOST, NetworksSet, SetNetworks
from fleet.eventstore.testing import given
from tests.devices.steps.story import ORGANISATION

OPENED = SiteOpened(ORGANISATION, "Harbour", "Europe/Stockholm")
YARD = NetworksSet(("192.168.10.0/24",), "192.168.10.0/24")


def test_a_site_names_its_networks_however_they_are_written() -> None:
    asked = SetNetworks(" 192.168.10.0/24,\n10.1.0.0/16\t2001:db8::/64  10.1.0.0/16")
    networks = ("192.168.10.0/24", "10.1.0.0/16", "2001:db8::/64")
    state = given(OPENED).when(asked).then(NetworksSet(networks, ", ".join(networks)))
    assert state.networks == networks


def test_one_address_is_a_network_of_its_own() -> None:
    given(OPENED).when(SetNetworks("192.0.2.7")).then(
        NetworksSet(("192.0.2.7/32",), "192.0.2.7/32")
    )


def test_a_site_may_have_none_any_more() -> None:
    assert given(OPENED, YARD).when(SetNetworks("")).then(NetworksSet((), "none")).networks == ()


@pytest.mark.parametrize("before", [(), (YARD,)])
def test_naming_the_same_again_changes_nothing(before: tuple[NetworksSet, ...]) -> None:
    same = "192.168.10.0/24" if before else ""
    given(OPENED, *before).when(SetNetworks(same)).then_nothing()


@pytest.mark.parametrize(
    "text",
    [
        "the yard",
        "192.168.10.7/24",  # an address in a network, not the network
        "192.168.10.0/33",
        "192.168.10.0/24 and more",
        "224.0.0.0/24",
        "0.0.0.0/0",
        "10.0.0.0/7",
        "x" * 2000,
    ],
)
def test_what_is_no_network_of_a_site_is_refused(text: str) -> None:
    error = given(OPENED).when(SetNetworks(text)).refused("network_wrong")
    assert error.field == "networks"
    assert len(error.message) < 300


def test_a_site_has_so_many_networks_and_no_more() -> None:
    many = [f"10.{n}.0.0/16" for n in range(MOST + 1)]
    state = given(OPENED).when(SetNetworks("\n".join(many[:-1])))
    assert len(state.then(NetworksSet(tuple(many[:-1]), ", ".join(many[:-1]))).networks) == MOST
    error = given(OPENED).when(SetNetworks("\n".join(many))).refused("too_many_networks")
    assert error.field == "networks"
