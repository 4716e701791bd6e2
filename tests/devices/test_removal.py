"""A removed device is out of the way; its history and its passwords stay."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from devices import deeds, queries, vault
from devices.models import Device
from devices.queries import device_for_jobs
from devices.state import CredentialState, DeviceState, Kind, Purpose, credential_id
from devices.status import Status
from devices.steps.check_device import CheckDevice
from devices.steps.credential import BeginCredential, PromoteCandidate
from devices.steps.place_on_channel import PlaceOnChannel
from devices.steps.remove_device import RemoveDevice
from devices.virtual import fleet_in_thread
from fleet.accounts.access import actor_of
from fleet.errors import Conflict, Forbidden, NotFound, Refused
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.messages import asked_fields
from fleet.eventstore.store import last_position, read_stream, state_of
from resets.steps.cancel_reset import CancelReset
from resets.steps.request_reset import RequestReset
from tests.cast import SETUP, Cast, add_device, work
from tests.devices.drivers.made_up import camera, password
from tests.fleet.eventstore.ground import add, device, reset

pytestmark = pytest.mark.django_db
REMOVE = RemoveDevice("Sold")


def removed(who: Cast, *devices: UUID) -> None:
    deeds.remove_all(devices, "Sold", who.by(who.alice))


def refused(who: Cast, *devices: UUID) -> str:
    """That none of them is removed, and nothing is changed at all."""
    before = last_position()
    with pytest.raises(Refused) as no:
        removed(who, *devices)
    assert last_position() == before
    return no.value.code


def test_its_address_and_what_it_was_known_by_are_free_again(who: Cast) -> None:
    known = {"port": 8080, "serial": "A-1", "mac": "00:FF:00:00:00:01"}
    first = device(who, **known)
    for taken, code in (
        ({"port": 8080}, "address_taken"),
        ({"serial": "A-1"}, "serial_taken"),
        ({"mac": "00ff00000001"}, "mac_taken"),
    ):
        with pytest.raises(Conflict) as no:
            handle(add(who, **taken), new_id(), who.by(who.alice))
        assert no.value.code == code
    removed(who, first)
    second = device(who, **known)
    removed(who, second)
    third = device(who, **known)
    assert queries.devices(actor_of(who.alice)).get().pk == third
    assert Device.objects.for_jobs().filter(removed=True).count() == 2


def test_it_is_on_no_list_any_more_and_its_page_is_still_there(who: Cast) -> None:
    one = device(who)
    before = len(read_stream(one))
    removed(who, one)
    alice = actor_of(who.alice)
    assert not queries.devices(alice).exists()
    assert queries.counted(alice)["all"] == 0
    assert queries.counted(alice)[Status.REMOVED] == 1
    assert [site.device_count for site in queries.sites(alice)] == [0]
    row = queries.device(alice, one)
    assert Status.of(row) is Status.REMOVED
    told = read_stream(one)
    assert len(told) == before + 1
    assert (told[-1].sentence, told[-1].reason) == (
        "Alice removed Gate north from the fleet.",
        "Sold",
    )


def test_its_passwords_are_kept_and_shown_with_a_reason(who: Cast) -> None:
    one, typed = device(who), password()
    account, secret = credential_id(one, "admin"), vault.put(one, typed)
    begin = BeginCredential(who.organisation, who.site, one, "admin", Purpose.DEVICE, secret)
    handle(begin, account, SETUP)
    handle(PromoteCandidate(secret), account, SETUP)
    removed(who, one)
    vault.forget_unreferenced()
    assert vault.reveal(one, "admin", "It still hangs there", who.by(who.alice)) == typed
    with pytest.raises(Forbidden):
        vault.reveal(one, "admin", "Curious", who.by(who.bob))


def test_nothing_is_done_to_it_any_more(who: Cast) -> None:
    nvr, one = device(who, kind=Kind.NVR), device(who)
    removed(who, one)
    values = {"site": who.site, "host": "203.0.113.9", "port": 80, "nvr": nvr, "channel": 1}
    before = last_position()
    for slug, command in deeds.steps().items():
        told: dict[str, Any] = {name: values.get(name, "A test") for name in asked_fields(command)}
        with pytest.raises(Refused) as no:
            deeds.do(command(**told), one, who.by(who.alice))
        assert no.value.code == "device_removed", slug
    for wish, stream in ((CheckDevice(), one), (RequestReset(one, "The installer left"), new_id())):
        with pytest.raises(Refused) as no:
            handle(wish, stream, who.by(who.alice))
        assert no.value.code == "device_removed"
    assert last_position() == before


def test_a_worker_leaves_it_alone_and_keeps_what_was_typed(who: Cast) -> None:
    spec = camera()
    with fleet_in_thread([spec]) as running:
        one = add_device(who, running, spec)
        handle(CheckDevice(), one, who.by(who.tess))
        removed(who, one)
        work()
        assert dict(running.calls(spec.serial)) == {"failed_logins": 0}
    kept = state_of(CredentialState, credential_id(one, "admin")).candidate
    assert kept and vault.get(kept, one) == spec.password
    assert Status.of(device_for_jobs(one)) is Status.REMOVED


def test_a_device_that_is_being_reset_stays_until_that_is_over(who: Cast) -> None:
    busy, free = device(who), device(who)
    under_way = reset(who, busy)
    assert refused(who, free, busy) == "device_busy"
    handle(CancelReset(), under_way, who.by(who.tess))
    removed(who, free, busy)
    assert not queries.devices(actor_of(who.alice)).exists()


def test_an_nvr_with_cameras_stays_until_they_are_off_it(who: Cast) -> None:
    nvr = device(who, kind=Kind.NVR)
    gate, quay, sold = (device(who, nvr=nvr, channel=number) for number in (1, 2, 3))
    removed(who, sold)
    assert refused(who, nvr) == "nvr_has_cameras"
    assert refused(who, nvr, gate) == "nvr_has_cameras"
    handle(PlaceOnChannel(), gate, who.by(who.alice))
    with pytest.raises(Refused) as no:
        handle(REMOVE, nvr, who.by(who.alice))
    assert no.value.code == "nvr_has_cameras" and no.value.message.startswith("1 camera is")
    handle(REMOVE, quay, who.by(who.alice))
    handle(REMOVE, nvr, who.by(who.alice))
    assert [row.pk for row in queries.devices(actor_of(who.alice))] == [gate]


@pytest.mark.parametrize("nvr_first", [True, False])
def test_an_nvr_goes_together_with_its_cameras(who: Cast, nvr_first: bool) -> None:
    nvr = device(who, kind=Kind.NVR)
    cameras = [device(who, nvr=nvr, channel=number) for number in (1, 2)]
    together = [nvr, *cameras] if nvr_first else [*cameras, nvr]
    removed(who, *together)
    states = [state_of(DeviceState, one) for one in together]
    assert all(state.removed and state.nvr is None for state in states)


def test_one_that_is_not_there_keeps_all_of_them(who: Cast) -> None:
    one = device(who)
    with pytest.raises(NotFound):
        removed(who, one, new_id())
    for none in ([], [new_id() for _ in range(deeds.MOST + 1)]):
        assert refused(who, *none) == "nothing_chosen"
    assert not device_for_jobs(one).removed


def test_bob_may_not_and_charlie_finds_nothing(who: Cast) -> None:
    one = device(who)
    for somebody, error in (
        (who.bob, Forbidden),
        (who.tess, Forbidden),
        (who.charlie, NotFound),
    ):
        with pytest.raises(error):
            deeds.remove_all([one], "Sold", who.by(somebody))
    assert not device_for_jobs(one).removed
