"""The pages of a campaign before it begins, without a browser: what they say, and to whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices.steps.open_site import OpenSite
from fleet.accounts.state import Role
from fleet.accounts.steps.revoke_role import RevokeRole
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.models import EventRow
from resets.campaigns import tallies
from resets.campaigns.forecast import IMPOSSIBLE
from resets.campaigns.models import Campaign
from resets.campaigns.plan_page import WAITS
from resets.campaigns.state import WHY_NOT, CampaignPhase, Kind
from resets.campaigns.steps.items import TakeOut
from resets.campaigns.steps.seal_plan import PlanSealed
from tests.cast import SETUP, Cast, Person, person, work
from tests.fleet.eventstore.ground import device as a_device
from tests.resets.campaigns import ground, quiet

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


def pages(somebody: Person) -> Client:
    client = Client(headers={"Host": "localhost"})
    client.force_login(somebody)
    return client


def answers(who: Cast, **other: Any) -> dict[str, Any]:
    ends = timezone.now() + timedelta(days=2)
    told = {
        "planned": "yes",
        "place": str(who.site),
        "kind": "reset",
        "name": "After the break-in",
        "reason": "Nobody knows who has the passwords",
        "canary": 1,
        "wave": 0,
        "at_once": 20,
        "pace": 0,
        "stop_share": 10,
        "opens": "22:00",
        "closes": "05:00",
        "ends_at": f"{ends:%Y-%m-%dT%H:%M}",
    }
    return told | other


def plan(client: Client, who: Cast, **other: Any) -> Any:
    return client.post(reverse("plan-campaign"), answers(who, **other))


def planned(who: Cast, **more: Any) -> UUID:
    return ground.planned(who, Kind.RESET, **more)


def text_of(answer: Any) -> str:
    return answer.content.decode()


def test_a_plan_is_drawn_up_shown_and_agreed_to_by_another(
    who: Cast, ada: Person, cameras: list[UUID]
) -> None:
    alice, adas = pages(who.alice), pages(ada)
    shown = text_of(alice.get(reverse("plan-campaign")))
    assert "Harbour" in shown
    assert "All sites of" in shown

    answer = plan(alice, who)
    assert answer.status_code == 302
    [row] = Campaign.objects.for_jobs()
    address = reverse("campaign-plan", args=[row.pk])
    assert answer["Location"] == address
    assert "0 of 3 devices looked at" in text_of(alice.get(address))
    assert alice.get(reverse("campaign", args=[row.pk]))["Location"] == address
    work()

    own = text_of(alice.get(address))
    assert "Waits for a second person" in own
    assert "You planned it yourself" in own
    assert "Agree to 2 devices" not in own
    page = adas.get(address)
    assert page["Cache-Control"] == "no-store"
    for said in (
        "Agree to 2 devices",
        "about a minute",
        "1 mailbox has",
        "It has no Reset Password Email.",
        "By Rekey&#x27;s own account on the device",
        "Canary",
        "All others at once",
        row.digest or ground.state(row.pk).digest,
    ):
        assert said in text_of(page), said

    step = reverse("campaign-plan-step", args=[row.pk, "approve-campaign"])
    outdated = adas.post(step, {"digest": "0" * 64})
    assert outdated.status_code == 409
    assert "This is not what was shown" in text_of(outdated)
    agreed = adas.post(step, {"digest": ground.state(row.pk).digest})
    assert (agreed.status_code, agreed["Location"]) == (302, reverse("campaign", args=[row.pk]))
    assert ground.state(row.pk).phase is CampaignPhase.RUNNING
    late = adas.post(step, {"digest": ground.state(row.pk).digest})
    assert late.status_code == 409
    assert "Ada agreed to this plan" in text_of(late)


def test_the_dry_run_is_narrowed_down(who: Cast, cameras: list[UUID]) -> None:
    campaign, alice = planned(who), pages(who.alice)
    address = reverse("campaign-plan", args=[campaign])

    def found(**asked: str) -> list[str]:
        answer = alice.get(address, asked)
        return [line.row.device_name for line in answer.context["lines"]]

    assert found() == ["Gate north", "Gate south", "Yard"]
    assert found(forecast="no_mailbox") == ["Yard"]
    assert found(forecast="none") == ["Gate north", "Gate south"]
    assert found(q="south gate") == ["Gate south"]
    nothing = text_of(alice.get(address, {"q": "nowhere"}))
    assert "No device fits these filters." in nothing
    outcomes = alice.get(address).context["page"].outcomes
    assert [(one.code, one.count) for one in outcomes] == [("none", 2), ("no_mailbox", 1)]


def test_what_moves_loads_the_page_anew_once_the_plan_is_another(
    who: Cast, ada: Person, cameras: list[UUID]
) -> None:
    alice, campaign = pages(who.alice), ground.plan(who, Kind.RESET)
    live = reverse("campaign-plan-live", args=[campaign])
    page = alice.get(reverse("campaign-plan", args=[campaign])).context["page"]
    same = {"on": page.on, "seen": page.version}
    assert alice.get(live, same).status_code == 204
    assert alice.get(live, same | {"seen": "other"}).status_code == 200
    work()
    assert alice.get(live, same)["HX-Refresh"] == "true"
    page = alice.get(reverse("campaign-plan", args=[campaign])).context["page"]
    same = {"on": page.on, "seen": page.version}
    assert alice.get(live, same).status_code == 204
    ground.agree(who, campaign, ada)
    assert alice.get(live, same)["HX-Refresh"] == "true"


def test_what_was_taken_out_since_is_agreed_to_no_more(
    who: Cast, ada: Person, cameras: list[UUID]
) -> None:
    campaign, adas = planned(who), pages(ada)
    handle(TakeOut(), ground.item_of(campaign, cameras[0]).pk, who.by(who.tess))
    page = adas.get(reverse("campaign-plan", args=[campaign]))
    for said in (
        "Agree to 1 device<",
        "1 of them was taken out since.",
        "taken out of the campaign",
    ):
        assert said in text_of(page), said


def test_it_is_declined_with_a_reason_that_who_planned_it_reads(
    who: Cast, ada: Person, cameras: list[UUID]
) -> None:
    campaign, adas = planned(who), pages(ada)
    step = reverse("campaign-plan-step", args=[campaign, "decline-campaign"])
    assert "No device is touched." in text_of(adas.get(step))
    empty = adas.post(step, {"reason": " "})
    assert empty.status_code == 422
    assert "Say why not" in text_of(empty)
    assert adas.post(step, {"reason": "Not before the fair"}).status_code == 302
    told = text_of(pages(who.alice).get(reverse("campaign-plan", args=[campaign])))
    assert "Not before the fair" in told
    own = pages(who.alice).post(step, {"reason": "x"})
    assert own.status_code == 409


def test_who_planned_it_takes_it_back_and_may_not_agree(who: Cast, cameras: list[UUID]) -> None:
    campaign, alice = planned(who), pages(who.alice)
    agree = reverse("campaign-plan-step", args=[campaign, "approve-campaign"])
    refused = alice.post(agree, {"digest": ground.state(campaign).digest})
    assert refused.status_code == 403
    cancel = reverse("campaign-plan-step", args=[campaign, "cancel-campaign"])
    assert alice.get(cancel).status_code == 200
    assert alice.post(cancel).status_code == 302
    assert ground.state(campaign).why == "cancelled"


def test_whoever_lost_the_right_agrees_to_nothing(
    who: Cast, ada: Person, cameras: list[UUID]
) -> None:
    campaign, adas = planned(who), pages(ada)
    digest = ground.state(campaign).digest
    [role] = EventRow.everything.filter(
        type="accounts.role_granted", data__contains=str(ada.id)
    ).values_list("stream", flat=True)
    handle(RevokeRole("She left"), role, who.by(who.alice))
    step = reverse("campaign-plan-step", args=[campaign, "approve-campaign"])
    assert adas.post(step, {"digest": digest}).status_code == 404
    assert ground.state(campaign).phase is CampaignPhase.AWAITING_APPROVAL


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"name": " "}, "Give the campaign a name."),
        ({"name": "Spring\r\nclean"}, "There is a line break"),
        ({"text": "Gate\x1bnorth"}, "There is a line break"),
        ({"ends_at": "2020-01-01T10:00"}, "This is in the past."),
        ({"ends_at": "0001-01-01T00:00"}, "This is too far from today."),
        ({"ends_at": ""}, "This field is required."),
        ({"text": "no such device"}, "No device fits this selection."),
        ({"older_than": "-1"}, "0 to 3,650 days, please."),
        ({"at_once": "0"}, "Between 1 and 500, please."),
        ({"days": ["1"], "closes": "22:00"}, "never opens"),
        ({"days": ["1"], "opens": "late"}, "is no time such as"),
        ({"place": str(uuid4())}, "Select a valid choice."),
    ],
)
def test_each_mistake_is_said_beside_its_question(
    who: Cast, cameras: list[UUID], other: dict[str, Any], said: str
) -> None:
    answer = plan(pages(who.alice), who, **other)
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert not Campaign.objects.for_jobs().exists()


def test_a_window_that_opens_after_the_end_is_said(who: Cast, cameras: list[UUID]) -> None:
    with time_machine.travel("2026-11-23 10:00+00:00", tick=False):  # a Monday
        ends = "2026-11-25T10:00"
        late = plan(pages(who.alice), who, days=["4"], ends_at=ends)
        assert "does not open once before then" in text_of(late)
        good = plan(pages(who.alice), who, days=["1"], ends_at=ends)
        assert good.status_code == 302
    state = ground.state(Campaign.objects.for_jobs().get().pk)
    assert state.settings.window.days == (1,)
    assert f"{state.ends_at:%H:%M}" == "09:00"  # ten o'clock in Stockholm


def test_a_link_fills_in_what_is_to_be_planned_for(who: Cast, cameras: list[UUID]) -> None:
    alice = pages(who.alice)
    link = {"place": str(who.organisation), "status": "not_checked", "older_than": "180"}
    form = alice.get(reverse("plan-campaign"), link).context["form"]
    assert {name: str(form[name].value()) for name in link} == link
    odd = {"place": str(uuid4()), "status": "odd", "older_than": "odd", "name": "Filled in"}
    form = alice.get(reverse("plan-campaign"), odd).context["form"]
    assert (form["place"].value(), form["name"].value()) == (str(who.site), None)


def test_ticked_devices_are_planned_for_alone(who: Cast, cameras: list[UUID]) -> None:
    alice = pages(who.alice)
    assert reverse("plan-campaign") in text_of(alice.get(reverse("devices")))
    assert reverse("plan-campaign") not in text_of(pages(who.tess).get(reverse("devices")))
    some = [str(pk) for pk in cameras[:2]]
    form = text_of(alice.post(reverse("plan-campaign"), {"device": some, "back": "/devices/"}))
    assert "2 devices" in form
    assert "Password older than" not in form
    assert plan(alice, who, device=some).status_code == 302
    work()
    [row] = Campaign.objects.for_jobs()
    assert (row.chosen, row.planned) == (2, 2)
    assert "2 that were ticked" in text_of(alice.get(reverse("campaign-plan", args=[row.pk])))


def test_ticked_devices_of_two_sites_are_planned_for_over_all_sites(
    who: Cast, cameras: list[UUID]
) -> None:
    museum = new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/London"), museum, SETUP)
    both = [str(cameras[0]), str(a_device(who, site=museum))]
    form = pages(who.alice).post(reverse("plan-campaign"), {"device": both}).context["form"]
    assert [name for _, name in form.fields["place"].choices] == ["All sites of Northern Light"]
    dora = person("Dora", who.organisation, Role.ADMINISTRATOR, who.site)
    vera = person("Vera", who.organisation, Role.VIEWER)
    assert pages(vera).post(reverse("plan-campaign"), {"device": both}).status_code == 403
    assert pages(dora).post(reverse("plan-campaign"), {"device": both}).status_code == 404


def test_a_device_of_another_campaign_is_left_out_of_this_one(
    who: Cast, cameras: list[UUID]
) -> None:
    planned(who)
    second = planned(who, name="Again")
    assert ground.state(second).why == "empty"
    told = text_of(pages(who.alice).get(reverse("campaign-plan", args=[second])))
    assert "There is nothing that it could do" in told
    assert "It is in another campaign" in told


def test_one_whose_end_has_come_is_agreed_to_by_nobody(
    who: Cast, ada: Person, cameras: list[UUID]
) -> None:
    campaign = planned(who, ends_at=timezone.now() + timedelta(hours=1))
    digest, adas = ground.state(campaign).digest, pages(ada)
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        told = text_of(adas.get(reverse("campaign-plan", args=[campaign])))
        assert "Its end date has come" in told
        assert "Agree to 2 devices" not in told
        step = reverse("campaign-plan-step", args=[campaign, "approve-campaign"])
        assert adas.post(step, {"digest": digest}).status_code == 409


def test_it_waits_among_the_approvals_and_on_the_dashboard(
    who: Cast, ada: Person, cameras: list[UUID]
) -> None:
    campaign, adas, alice = planned(who), pages(ada), pages(who.alice)
    address = reverse("campaign-plan", args=[campaign])
    for page in (reverse("approvals"), "/"):
        assert address in text_of(adas.get(page)), page
        assert address not in text_of(alice.get(page)), page
    assert address in text_of(alice.get(reverse("approvals"), {"whose": "own"}))
    assert address in text_of(adas.get(reverse("approvals"), {"kind": "campaign", "q": "quart"}))
    assert address not in text_of(adas.get(reverse("approvals"), {"kind": "reset"}))
    assert address not in text_of(pages(who.bob).get("/"))


def test_the_list_has_its_filters_and_says_what_to_do_when_it_is_empty(
    who: Cast, ada: Person, cameras: list[UUID]
) -> None:
    alice, bob = pages(who.alice), pages(who.bob)
    assert "No campaigns yet." in text_of(alice.get(reverse("campaigns")))
    assert "An administrator plans them" in text_of(bob.get(reverse("campaigns")))
    one, two = planned(who), ground.planned(who, Kind.ROTATION, name="By the quarter")
    lines = alice.get(reverse("campaigns")).context["lines"]
    assert [line.row.pk for line in lines] == [two, one]
    for asked, found in (
        ({"phase": "ended"}, [two]),
        ({"kind": "reset"}, [one]),
        ({"q": "quarterly"}, [one]),
        ({"phase": "nonsense"}, [two, one]),
    ):
        shown = alice.get(reverse("campaigns"), asked).context["lines"]
        assert [line.row.pk for line in shown] == found, asked
    assert "No campaign fits these filters." in text_of(alice.get("/campaigns/?q=nothing"))
    ground.agree(who, one, ada)
    [line] = alice.get(reverse("campaigns"), {"kind": "reset"}).context["lines"]
    assert line.url_name == "campaign"


def test_bob_looks_and_presses_nothing_and_charlie_finds_nothing(
    who: Cast, cameras: list[UUID]
) -> None:
    campaign = planned(who)
    address = reverse("campaign-plan", args=[campaign])
    bob, charlie = pages(who.bob), pages(who.charlie)
    shown = text_of(bob.get(address))
    assert "Gate north" in shown
    assert "owner@example.com" not in shown
    assert ground.state(campaign).digest not in shown
    assert "Cancel the campaign" not in shown
    assert bob.get(reverse("plan-campaign")).status_code == 403
    assert plan(bob, who).status_code == 403
    assert "Quarterly" not in text_of(charlie.get(reverse("campaigns")))
    for name in ("campaign-plan", "campaign-plan-live"):
        assert charlie.get(reverse(name, args=[campaign])).status_code == 404
    assert plan(charlie, who).status_code == 422  # it is no place of his
    assert Campaign.objects.for_jobs().count() == 1


def test_each_forecast_has_its_words() -> None:
    assert set(IMPOSSIBLE) | set(WAITS) <= set(WHY_NOT)
    assert not set(IMPOSSIBLE) & set(WAITS)


@pytest.mark.one_database
def test_sites_with_as_many_devices_are_told_by_their_names(who: Cast) -> None:
    for name in ("Zoo", "attic", "Mill"):
        site = new_id()
        handle(OpenSite(who.organisation, name, "UTC"), site, SETUP)
        quiet.devices(who, "Gate", site=site)
    quiet.many(who, 2)
    campaign = quiet.planned(who, place_id=who.organisation)
    found = [one.name for one in tallies.by_site(who.by(who.alice).actor, campaign)]
    assert found == ["Harbour", "attic", "Mill", "Zoo"]


@pytest.mark.one_database
def test_devices_are_told_in_thousands() -> None:
    assert PlanSealed(3000, 2900, "").told("Rekey").startswith("The plan is drawn up: 2,900 of 3,0")
