"""What is done with devices that were discovered: adding, setting a password, ignoring."""

from __future__ import annotations

from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from devices import vault
from devices.models import Device, Discovered
from devices.state import ChannelFacts, Kind
from devices.steps.open_site import OpenSite
from devices.steps.remove_device import RemoveDevice
from devices.steps.take_in_device import RecordChannels
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from tests.cast import SETUP, Cast
from tests.devices.discovery_ground import INVENTED, MAILBOX, added, body, buttons, found

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


def test_the_seeds_buttons_are_offered_where_they_make_sense(pages: Client, who: Cast) -> None:
    has, fresh, unknown = found(who, 1), found(who, 2, fresh=True), found(who, 3, fresh=None)
    assert buttons(body(pages, "discovered", has)) == {"Add", "Forget Password", "Ignore"}
    assert buttons(body(pages, "discovered", fresh)) == {"Set Password", "Ignore"}
    assert buttons(body(pages, "discovered", unknown)) == {
        "Add",
        "Set Password",
        "Forget Password",
        "Ignore",
    }
    pages.post(reverse("ignore-discovered", args=[has]))
    assert "Heed again" in buttons(body(pages, "discovered", has))
    pages.post(reverse("heed-discovered", args=[has]))
    assert "Ignore" in buttons(body(pages, "discovered", has))


def test_alice_adds_what_was_discovered_with_its_password(pages: Client, who: Cast) -> None:
    one = found(who, 1, model="NVR1016H")
    form = body(pages, "add-discovered", one)
    for seen in ("203.0.113.1", "S0001", "00:00:5E:00:53:01", '<option value="nvr" selected>'):
        assert seen in form
    answer = pages.post(reverse("add-discovered", args=[one]), filled(pages, one))
    device = Device.objects.for_jobs().get()
    assert answer["Location"] == reverse("device", args=[device.pk])
    assert (device.site, device.kind, device.host, device.serial, device.reset_email) == (
        who.site,
        "nvr",
        "203.0.113.1",
        "S0001",
        MAILBOX,
    )


def filled(pages: Client, one: UUID, name: str = "add-discovered", **more: str) -> dict[str, str]:
    """The form as it is offered, with what only people know."""
    bound = pages.get(reverse(name, args=[one])).context["form"]
    asked = {field.name: field.value() for field in bound}
    known = {"password": INVENTED, "reset_email": MAILBOX} | more
    return {n: str(v) for n, v in (asked | known).items() if v not in (None, "", False)}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"password": ""}, "password"),
        ({"name": " "}, "name"),
        ({"reset_email": "nobody"}, "reset_email"),
        ({"host": "http://gate/"}, "host"),
        ({"mac": "yes"}, "mac"),
        ({"channel": "2"}, "channel"),
    ],
)
def test_what_is_wrong_with_adding_is_said_at_its_field(
    pages: Client, who: Cast, wrong: dict[str, str], field: str
) -> None:
    one = found(who, 1)
    answer = pages.post(reverse("add-discovered", args=[one]), filled(pages, one) | wrong)
    said = answer.content.decode()
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in said
    assert INVENTED not in said, "a typed password is never sent back"
    if field in ("host", "mac"):
        assert 'class="advice" open>' in said, "what is folded away is opened"
    assert not Device.objects.for_jobs().exists()


def test_what_is_in_the_fleet_by_now_is_not_added_twice(pages: Client, who: Cast) -> None:
    one = found(who, 1)
    answers = filled(pages, one)
    added(who, 1)
    assert pages.post(reverse("add-discovered", args=[one]), answers).status_code == 409
    assert Device.objects.for_jobs().count() == 1


@pytest.mark.parametrize("typed", ["", "Seven-tall-masts-7"])
def test_set_password_generates_one_or_takes_the_typed(
    pages: Client, who: Cast, typed: str
) -> None:
    one = found(who, 1, fresh=True)
    answers = filled(pages, one, "activate-discovered", password=typed)
    answer = pages.post(reverse("activate-discovered", args=[one]), answers)
    device = Device.objects.for_jobs().get()
    assert answer["Location"] == reverse("device", args=[device.pk])
    assert device.fresh
    from devices.steps.add_device import DeviceAdded
    from fleet.eventstore.models import EventRow
    from fleet.eventstore.store import read_stream

    assert EventRow.everything.filter(type=DeviceAdded.tag).count() == 1
    [event] = [r.event for r in read_stream(device.pk) if isinstance(r.event, DeviceAdded)]
    kept = vault.get(event.secret, device.pk)
    assert kept == typed if typed else len(kept) == 16


@pytest.mark.parametrize(
    ("wrong", "field"), [({"reset_email": ""}, "reset_email"), ({"password": "short"}, "password")]
)
def test_set_password_needs_a_mailbox_and_a_fit_password(
    pages: Client, who: Cast, wrong: dict[str, str], field: str
) -> None:
    one = found(who, 1, fresh=True)
    answers = filled(pages, one, "activate-discovered") | wrong
    answer = pages.post(reverse("activate-discovered", args=[one]), answers)
    assert answer.status_code == 422
    assert f'id="id_{field}_error"' in answer.content.decode()
    assert not Device.objects.for_jobs().exists()


def test_a_device_that_moved_is_followed(pages: Client, who: Cast) -> None:
    device = added(who, 77, serial="S0001")
    one = found(who, 1)
    assert "It is Gate 77 at a new address" in body(pages, "discovered", one)
    answer = pages.post(reverse("follow-discovered", args=[one]))
    assert answer["Location"] == reverse("device", args=[device])
    assert Device.objects.for_jobs().get(pk=device).host == "203.0.113.1"
    assert pages.post(reverse("follow-discovered", args=[one])).status_code == 409


def test_a_device_of_another_site_is_said_to_be_there(pages: Client, who: Cast) -> None:
    museum = new_id()
    handle(OpenSite(who.organisation, "Museum", "Europe/London"), museum, SETUP)
    device = added(who, 77, serial="S0001", site=museum)
    one = found(who, 1)
    said = body(pages, "discovered", one)
    assert "It is in the fleet at another site" in said
    assert reverse("device", args=[device]) in said
    assert buttons(said) == {"Forget Password"}


# --- Forget Password ------------------------------------------------------------------------------


def test_forget_password_of_a_device_of_the_fleet_leads_to_its_reset(
    pages: Client, who: Cast
) -> None:
    device, one = added(who, 1), found(who, 1)
    assert reverse("request-reset", args=[device]) in body(pages, "forget-discovered", one)


def test_forget_password_of_a_stranger_promises_no_code(pages: Client, who: Cast) -> None:
    said = body(pages, "forget-discovered", found(who, 1))
    assert "it cannot send a code for it" in said
    assert "it was never in the fleet" in said
    assert "No NVR of this site’s fleet has it on a channel." in said
    assert "Factory restore" in said
    assert "request-reset" not in said


def test_forget_password_knows_a_device_that_was_in_the_fleet_before(
    pages: Client, who: Cast
) -> None:
    device = added(who, 9, serial="S0001")
    handle(RemoveDevice("Sold"), device, who.by(who.alice))
    said = body(pages, "forget-discovered", found(who, 1))
    assert "It was in the fleet as" in said
    assert reverse("device", args=[device]) in said


def test_forget_password_names_the_nvr_that_has_it_on_a_channel(pages: Client, who: Cast) -> None:
    nvr = added(who, 40, kind=Kind.NVR, name="Recorder")
    on = ChannelFacts(3, "Gate", "203.0.113.99", "00:00:5E:00:53:01")
    handle(RecordChannels((on,)), nvr, SETUP)
    said = body(pages, "forget-discovered", found(who, 1))
    assert "has it on channel 3" in said
    assert reverse("device", args=[nvr]) in said


def test_a_fresh_one_has_no_password_to_forget(pages: Client, who: Cast) -> None:
    one = found(who, 1, fresh=True)
    said = body(pages, "forget-discovered", one)
    assert "There is none to forget" in said
    assert reverse("activate-discovered", args=[one]) in said


# --- many of them ---------------------------------------------------------------------------------


def test_chosen_ones_are_shown_before_they_are_added_with_one_account(
    pages: Client, who: Cast
) -> None:
    ids = [str(found(who, number)) for number in (1, 2, 3)]
    shown = pages.post(reverse("add-chosen"), {"discovered": ids, "list": "fresh=no"})
    said = shown.content.decode()
    assert shown.status_code == 200
    assert "Add 3 devices" in said
    assert not Device.objects.for_jobs().exists()
    answers = {"username": "admin", "password": INVENTED, "reset_email": MAILBOX}
    sure = {"discovered": ids, "confirmed": "yes", "list": "fresh=no", **answers}
    answer = pages.post(reverse("add-chosen"), sure)
    assert answer["Location"] == "/discovery/?fresh=no"
    assert Device.objects.for_jobs().count() == 3
    assert "Added 3 devices." in body(pages, "discovery")


def test_those_without_a_password_are_left_out_of_adding_and_it_is_said(
    pages: Client, who: Cast
) -> None:
    ids = [str(found(who, 1)), str(found(who, 2, fresh=True))]
    said = pages.post(reverse("add-chosen"), {"discovered": ids}).content.decode()
    assert "1 of those that you chose has no password yet" in said
    assert ids[0] in said
    assert ids[1] not in said
    said = pages.post(reverse("activate-chosen"), {"discovered": ids}).content.decode()
    assert "1 of those that you chose has a password already" in said
    assert ids[0] not in said
    assert ids[1] in said


def test_chosen_fresh_ones_get_a_password_each(pages: Client, who: Cast) -> None:
    ids = [str(found(who, number, fresh=True)) for number in (1, 2)]
    sure = {"discovered": ids, "confirmed": "yes", "reset_email": ""}
    answer = pages.post(reverse("activate-chosen"), sure)
    assert answer.status_code == 422
    assert 'id="id_reset_email_error"' in answer.content.decode()
    pages.post(reverse("activate-chosen"), sure | {"reset_email": MAILBOX})
    assert Device.objects.for_jobs().filter(fresh=True, reset_email=MAILBOX).count() == 2


def test_all_are_added_or_none(pages: Client, who: Cast) -> None:
    ids = [str(found(who, number)) for number in (1, 2)]
    added(who, 2)
    answers = {"username": "admin", "password": INVENTED, "reset_email": ""}
    answer = pages.post(reverse("add-chosen"), {"discovered": ids, "confirmed": "yes", **answers})
    assert answer.status_code == 409
    assert "in the fleet already" in answer.content.decode()
    assert INVENTED not in answer.content.decode()
    assert Device.objects.for_jobs().count() == 1


def test_chosen_ones_are_ignored_once_it_is_confirmed(pages: Client, who: Cast) -> None:
    ids = [str(found(who, number)) for number in (1, 2)]
    said = pages.post(reverse("ignore-chosen"), {"discovered": ids}).content.decode()
    assert "Ignore 2 devices" in said
    assert not Discovered.objects.for_jobs().filter(ignored=True).exists()
    pages.post(reverse("ignore-chosen"), {"discovered": ids, "confirmed": "yes"})
    assert Discovered.objects.for_jobs().filter(ignored=True).count() == 2


def test_with_nothing_chosen_one_is_told_so(pages: Client, who: Cast) -> None:
    assert pages.get(reverse("add-chosen"))["Location"] == reverse("discovery")
    answer = pages.post(reverse("add-chosen"), follow=True)
    assert "Nothing was chosen." in answer.content.decode()
    assert pages.post(reverse("add-chosen"), {"discovered": "boat"}).status_code == 404
