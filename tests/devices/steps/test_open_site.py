from __future__ import annotations

import pytest

from devices.steps.open_site import OpenSite, SiteOpened
from fleet.eventstore.testing import STREAM, given
from tests.devices.steps.story import ORGANISATION

OPEN = OpenSite(ORGANISATION, " Harbour ", "Europe/Stockholm")


def test_a_site_is_opened_for_its_organisation() -> None:
    state = given().when(OPEN).then(SiteOpened(ORGANISATION, "Harbour", "Europe/Stockholm"))
    assert (state.organisation, state.site) == (ORGANISATION, STREAM)


@pytest.mark.parametrize("name", ["", " ", "\t\n"])
def test_a_site_has_a_name(name: str) -> None:
    error = given().when(OpenSite(ORGANISATION, name)).refused("name_missing")
    assert error.field == "name"


def test_a_sites_name_is_in_one_line() -> None:
    error = given().when(OpenSite(ORGANISATION, "Har\nbour")).refused("name_unprintable")
    assert error.field == "name"


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../../etc/passwd", "UTC+2", "/etc"])
def test_a_site_has_a_time_zone_that_there_is(zone: str) -> None:
    error = given().when(OpenSite(ORGANISATION, "Harbour", zone)).refused("no_such_time_zone")
    assert error.field == "timezone"
