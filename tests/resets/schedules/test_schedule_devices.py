"""What a schedule names has to be there for whoever names it, as in the plan of a campaign."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from devices.models import Site
from devices.state import Kind
from devices.steps.open_site import OpenSite
from devices.steps.remove_device import RemoveDevice
from fleet.accounts.state import Role
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from resets.schedules.models import Schedule
from tests.api.client import Api, api_of
from tests.cast import SETUP, Cast, person
from tests.fleet.eventstore.ground import add
from tests.resets.campaigns import quiet
from tests.resets.schedules.test_schedule_pages import FORM, signed_in, text

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


@pytest.fixture
def dora(who: Cast) -> Api:
    """She administers one site, and sees no trace of others."""
    return api_of(person("Dora", who.organisation, Role.ADMINISTRATOR, who.site))


def schedule(who: Cast, **selection: Any) -> dict[str, Any]:
    return {
        "name": "Quarterly", "reason": "It is time", "every": "months", "number": 3,
        "first": f"{timezone.now():%Y-%m-%d}", "lasting": 48, "selection": selection,
    }  # fmt: skip


def campaign(who: Cast, **selection: Any) -> dict[str, Any]:
    ends_at = (timezone.now() + timedelta(days=1)).isoformat()
    told = {"name": "Once", "reason": "It is time", "kind": "rotation", "ends_at": ends_at}
    return told | {"place": str(who.site), "selection": selection}


def removed(who: Cast, kind: Kind) -> UUID:
    [device] = quiet.devices(who, "Gone", kind=kind)
    handle(RemoveDevice("Sold"), device, who.by(who.alice))
    return device


def next_door(who: Cast, kind: Kind) -> UUID:
    cliff = new_id()
    handle(OpenSite(who.organisation, "Cliff", "UTC"), cliff, SETUP)
    [nvr] = quiet.devices(who, "Mast", kind=Kind.NVR, site=cliff)
    [camera] = quiet.devices(who, "Mast, channel 1", nvr=nvr, channel=1, site=cliff)
    return nvr if kind is Kind.NVR else camera


def elsewhere(who: Cast, kind: Kind) -> UUID:
    """Of another organisation."""
    island, device = Site.objects.for_jobs().get(name="Island").pk, new_id()
    handle(add(who, kind=kind, site=island), device, who.by(who.charlie))
    return device


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("absent", [lambda who, kind: uuid4(), removed, next_door, elsewhere])
def test_what_is_not_there_is_refused_as_in_a_campaign_and_nobody_learns_whether_it_is_elsewhere(
    who: Cast, dora: Api, kind: Kind, absent: Callable[[Cast, Kind], UUID]
) -> None:
    quiet.devices(who, "Gate")
    kept = dora.post("schedules/", schedule(who) | {"place": str(who.site)}).json()
    named = str(absent(who, kind))
    selection: dict[str, Any] = {"nvr": named} if kind is Kind.NVR else {"devices": [named]}
    answers = [
        dora.post("campaigns/", campaign(who, **selection)),
        dora.post("schedules/", schedule(who, **selection) | {"place": str(who.site)}),
        dora.post(f"schedules/{kept['id']}/change-schedule/", schedule(who, **selection)),
    ]
    said = "No device fits this selection. Take away something that narrows it down."
    for answer in answers:
        told = answer.json()
        assert (answer.status_code, told["code"], told["detail"]) == (422, "no_device_chosen", said)
        assert [one["field"] for one in told["errors"]] == ["selection"]
        assert answer.content == answers[0].content
    assert Schedule.objects.for_jobs().count() == 1


def test_in_a_list_each_device_has_to_be_there(who: Cast, dora: Api) -> None:
    [gate] = quiet.devices(who, "Gate")
    selection = {"devices": [str(gate), str(gate), str(uuid4()), str(next_door(who, Kind.CAMERA))]}
    for answer in (
        dora.post("campaigns/", campaign(who, **selection)),
        dora.post("schedules/", schedule(who, **selection) | {"place": str(who.site)}),
    ):
        told = answer.json()
        assert (answer.status_code, told["code"]) == (422, "listed_device_missing")
        assert told["missing"] == 2
        assert told["detail"].startswith("2 of the devices in this list cannot be found")
        assert [one["field"] for one in told["errors"]] == ["selection"]


def test_a_schedule_that_names_nothing_may_fit_no_device_yet(who: Cast, dora: Api) -> None:
    asked = schedule(who, status="not_certified") | {"place": str(who.site)}
    assert dora.post("schedules/", asked).status_code == 201


def test_what_was_named_and_is_gone_since_keeps_nobody_from_changing_the_rest(
    who: Cast, dora: Api
) -> None:
    gate, quay = quiet.devices(who, "Gate", "Quay")
    listed = {"devices": [str(gate), str(quay)]}
    made = dora.post("schedules/", schedule(who, **listed) | {"place": str(who.site)}).json()
    handle(RemoveDevice("Sold"), quay, who.by(who.alice))
    address = f"schedules/{made['id']}/change-schedule/"
    longer = dora.post(address, schedule(who, **listed) | {"lasting": 72})
    assert (longer.status_code, longer.json()["lasting"]) == (200, 72)
    step = reverse("schedule-step", args=[made["id"], "change-schedule"])
    form = text(signed_in(who.alice).get(step))
    assert "with all of it open, these are the 2 devices that this schedule lists" in form
    answers = FORM | {"first": f"{timezone.now():%Y-%m-%d}", "lasting": "96"}
    assert signed_in(who.alice).post(step, answers).status_code == 302
    shown = dora.get(f"schedules/{made['id']}/").json()
    assert (shown["lasting"], set(shown["selection"]["devices"])) == (96, set(listed["devices"]))
    listed["devices"].append(str(uuid4()))
    more = dora.post(address, schedule(who, **listed))
    assert (more.status_code, more.json()["code"]) == (422, "no_device_chosen")
