from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fleet.eventstore.testing import NOW, given
from resets.campaigns.settings import Settings, Window
from resets.campaigns.state import CampaignPhase, Selection
from resets.campaigns.steps.one_password import Sharing
from resets.campaigns.steps.plan_campaign import LONGEST, MOST_DEVICES, PlanCampaign, Reach
from resets.campaigns.steps.seal_plan import CampaignIsEmpty, PlanSealed, SealPlan
from resets.steps.site_rules import Place
from tests.resets.campaigns.steps.story import (
    ALICE,
    APPROVED,
    AWAITING,
    DIGEST,
    DRAWING_UP,
    ENDS,
    ORGANISATION,
    PLANNED,
    SITE,
)

STOCKHOLM = ("Europe/Stockholm",)
KNOWN = given().knowing(Place(ORGANISATION, SITE), ALICE, Reach(3, STOCKHOLM), Sharing())
PLAN = PlanCampaign(SITE, PLANNED.kind, PLANNED.name, PLANNED.reason, ENDS)
A_NIGHT = Window((2,), "02:00", "05:00")  # Wednesdays; NOW is a Sunday, at noon


def test_a_campaign_is_planned_and_drawn_up() -> None:
    state = KNOWN.when(replace(PLAN, name="  After the break-in ")).then(PLANNED)
    assert (state.phase, state.site, state.organisation) == (
        CampaignPhase.DRAWING_UP,
        SITE,
        ORGANISATION,
    )


@pytest.mark.parametrize(
    ("other", "code", "field"),
    [
        ({"name": " "}, "name_missing", "name"),
        ({"name": "Spring\u2028clean"}, "name_unprintable", "name"),
        ({"selection": Selection(text="Gate\nnorth")}, "text_unprintable", "text"),
        ({"selection": Selection(model="VIGI\x7f")}, "text_unprintable", "model"),
        ({"reason": "\n"}, "reason_missing", "reason"),
        ({"ends_at": NOW}, "end_in_the_past", "ends_at"),
        ({"ends_at": NOW + LONGEST + timedelta(seconds=1)}, "end_too_far", "ends_at"),
        ({"selection": Selection(older_than=-1)}, "age_out_of_bounds", "older_than"),
        ({"selection": Selection(older_than=3651)}, "age_out_of_bounds", "older_than"),
        ({"settings": Settings(at_once=0)}, "setting_out_of_bounds", "at_once"),
        ({"settings": Settings(window=Window((9,)))}, "window_days_wrong", "days"),
        (
            {"settings": Settings(window=Window((1,), "02:00", "02:00"))},
            "window_never_opens",
            "closes",
        ),
    ],
)
def test_each_mistake_is_refused_beside_its_field(
    other: dict[str, Any], code: str, field: str
) -> None:
    refused = KNOWN.when(replace(PLAN, **other)).refused(code)
    assert refused.field == field


def test_a_selection_that_no_device_fits_is_refused() -> None:
    refused = KNOWN.knowing(Reach(0, ())).when(PLAN).refused("no_device_chosen")
    assert refused.field == "selection"


def test_of_a_list_that_names_what_is_not_there_nothing_is_planned() -> None:
    refused = KNOWN.knowing(Reach(3, STOCKHOLM, missing=2)).when(PLAN)
    assert refused.refused("listed_device_missing").facts["missing"] == 2


def test_one_password_is_planned_only_where_each_site_allows_it() -> None:
    plan = replace(PLAN, settings=Settings(one_password=True))
    KNOWN.when(plan).then(replace(PLANNED, settings=Settings(one_password=True)))
    sharing = Sharing(("Depot", "Quay"))
    refused = KNOWN.knowing(sharing).when(plan).refused("one_password_forbidden")
    assert (refused.field, refused.facts["sites"]) == ("one_password", 2)
    KNOWN.knowing(sharing).when(PLAN).then(PLANNED)


@pytest.mark.parametrize(
    ("sites", "said"),
    [
        ("A", "The rules of A do not"),
        ("ABCD", "The rules of A, B, C and D do not"),
        ("ABCDE", "The rules of A, B, C and 2 more sites do not"),
    ],
)
def test_who_is_refused_one_password_is_told_of_which_sites(sites: str, said: str) -> None:
    plan = replace(PLAN, settings=Settings(one_password=True))
    refused = KNOWN.knowing(Sharing(tuple(sites))).when(plan).refused("one_password_forbidden")
    assert refused.message.startswith(said)


def test_there_are_as_many_devices_as_one_campaign_takes_and_no_more() -> None:
    KNOWN.knowing(Reach(MOST_DEVICES, STOCKHOLM)).when(PLAN).then(PLANNED)
    refused = (
        KNOWN.knowing(Reach(MOST_DEVICES + 1, STOCKHOLM)).when(PLAN).refused("too_many_devices")
    )
    assert refused.facts["devices"] == MOST_DEVICES + 1


@pytest.mark.parametrize(
    ("zone", "hours", "opens"),
    [
        ("Europe/Stockholm", 61, False),  # 02:00 there is 01:00 UTC, 61 h ahead
        ("Europe/Stockholm", 62, True),
        ("Pacific/Auckland", 49, False),  # 02:00 there is 13:00 UTC the day before
        ("Pacific/Auckland", 50, True),
    ],
)
def test_a_window_has_to_open_before_the_end_in_the_zone_of_a_site(
    zone: str, hours: int, opens: bool
) -> None:
    ends = NOW + timedelta(hours=hours)
    plan = replace(PLAN, settings=Settings(window=A_NIGHT), ends_at=ends)
    tried = KNOWN.knowing(Reach(3, (zone,))).when(plan)
    if opens:
        tried.then(replace(PLANNED, settings=Settings(window=A_NIGHT), ends_at=ends))
    else:
        assert tried.refused("window_after_end").field == "ends_at"


def test_of_several_sites_one_where_the_window_opens_is_enough() -> None:
    ends = NOW + timedelta(hours=50)
    plan = replace(PLAN, settings=Settings(window=A_NIGHT), ends_at=ends)
    zones = ("Europe/Stockholm", "Pacific/Auckland")
    assert KNOWN.knowing(Reach(3, zones)).when(plan).decided()


def test_a_plan_is_sealed_once() -> None:
    state = given(*DRAWING_UP).when(SealPlan(3, 2, DIGEST)).then(PlanSealed(3, 2, DIGEST))
    assert (state.phase, state.digest) == (CampaignPhase.AWAITING_APPROVAL, DIGEST)
    for later in (AWAITING, (*AWAITING, APPROVED)):
        given(*later).when(SealPlan(3, 3, "e" * 64)).then_nothing()


def test_a_plan_that_could_do_nothing_ends_at_once() -> None:
    state = given(*DRAWING_UP).when(SealPlan(3, 0, DIGEST)).then(CampaignIsEmpty(3, NOW))
    assert (state.phase, state.why) == (CampaignPhase.ENDED, "empty")
