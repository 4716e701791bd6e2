from __future__ import annotations

from devices.steps.close_site import CloseSite, LeftThere, SiteClosed
from devices.steps.open_site import SiteOpened
from fleet.eventstore.testing import given
from tests.devices.steps.story import ORGANISATION

OPENED = SiteOpened(ORGANISATION, "Harbour", "Europe/Stockholm")


def test_an_empty_site_is_closed_and_rekey_searches_nothing_there_any_more() -> None:
    state = given(OPENED).when(CloseSite("Sold")).then(SiteClosed("Harbour"))
    assert state.closed
    assert state.networks == ()


def test_a_site_with_devices_in_the_fleet_is_not_closed() -> None:
    given(OPENED).knowing(LeftThere(3)).when(CloseSite("Sold")).refused("site_has_devices")


def test_a_site_is_closed_for_a_reason() -> None:
    given(OPENED).when(CloseSite(" ")).refused("reason_missing")


def test_a_closed_site_is_not_closed_again() -> None:
    given(OPENED, SiteClosed("Harbour")).when(CloseSite("Sold")).refused("site_closed")
