"""The networks that are a site's own: Rekey searches no others."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from datetime import datetime

from devices.state import SiteState
from fleet.accounts.state import Role
from fleet.errors import Refused
from fleet.eventstore.messages import Command, Event, asked, command, event

MOST = 64


@event("devices.networks_set")
class NetworksSet(Event[SiteState]):
    """{actor} named the site's own networks: {words}."""

    networks: tuple[str, ...]
    words: str

    def evolve(self, state: SiteState) -> SiteState:
        return state.but(networks=self.networks)


@command(by=Role.ADMINISTRATOR)
class SetNetworks(Command[SiteState]):
    """Name the site's own networks."""

    networks: str = asked(
        "Networks",
        help="Such as 192.168.10.0/24, one on a line. Rekey searches these and no others.",
        long=True,
        max_length=2000,
        default="",
    )

    def decide(self, state: SiteState, now: datetime) -> Iterable[Event[SiteState]]:
        named = tuple(dict.fromkeys(map(_network, self.networks.replace(",", " ").split())))
        if len(named) > MOST:
            raise Refused("too_many_networks", f"Name at most {MOST}.", field="networks")
        if named != state.networks:
            yield NetworksSet(named, ", ".join(named) or "none")


def _network(text: str) -> str:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise Refused(
            "network_wrong",
            f"“{text[:60]}” is no network. Use a form such as 192.168.10.0/24:"
            " the first address, and how many bits are fixed.",
            field="networks",
        ) from error
    if network.is_multicast or network.prefixlen < 8:
        raise Refused("network_wrong", f"{network} is not one site's network.", field="networks")
    return str(network)
