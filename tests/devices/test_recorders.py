"""Cameras on the channels of NVRs: in Rekey's books, and as the NVR itself tells it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone

from devices import queries, sweep
from devices.drivers.base import Channel
from devices.models import Device, Telemetry
from devices.queries import device_for_jobs
from devices.recorders import orders_of
from devices.state import Kind
from devices.status import Status
from devices.steps.check_device import CheckDevice, RecordNvrOpens
from devices.steps.open_site import OpenSite
from devices.steps.place_on_channel import PlaceOnChannel
from devices.steps.remove_device import RemoveDevice
from devices.virtual import DeviceSpec, ThreadedFleet, fleet_in_thread
from devices.virtual.spec import ServiceSpec
from fleet.accounts.access import actor_of
from fleet.errors import Conflict, Forbidden, NotFound, Refused
from fleet.eventstore.handling import handle
from fleet.eventstore.ids import new_id
from fleet.eventstore.store import last_position, read_stream
from tests.cast import SETUP, Cast, add_device, work
from tests.devices.drivers.made_up import camera, password
from tests.fleet.eventstore.ground import add, device

pytestmark = [pytest.mark.django_db, pytest.mark.one_database]


# --- in the books ---------------------------------------------------------------------------------


def place(who: Cast, one: UUID, nvr: UUID | None = None, channel: int | None = None) -> None:
    handle(PlaceOnChannel(nvr, channel), one, who.by(who.alice))


def channel_of(one: UUID) -> tuple[UUID | None, int | None]:
    row = device_for_jobs(one)
    return row.nvr_id, row.channel


def test_two_cameras_are_never_on_one_channel(who: Cast) -> None:
    nvr, other = device(who, kind=Kind.NVR), device(who, kind=Kind.NVR)
    gate, quay = device(who, nvr=nvr, channel=1), device(who)
    for attempt in (
        lambda: place(who, quay, nvr, 1),
        lambda: handle(add(who, nvr=nvr, channel=1), new_id(), who.by(who.alice)),
    ):
        with pytest.raises(Conflict) as no:
            attempt()
        assert (no.value.code, no.value.field) == ("channel_taken", "channel")
    assert channel_of(quay) == (None, None)
    place(who, quay, nvr, 2)
    place(who, gate, other, 2)
    place(who, quay, nvr, 1)
    assert (channel_of(gate), channel_of(quay)) == ((other, 2), (nvr, 1))


def test_a_channel_is_free_when_its_camera_is_taken_off_or_removed(who: Cast) -> None:
    nvr = device(who, kind=Kind.NVR)
    first, second, third = (device(who) for _ in range(3))
    place(who, first, nvr, 1)
    place(who, first)
    place(who, second, nvr, 1)
    handle(RemoveDevice("Sold"), second, who.by(who.alice))
    place(who, third, nvr, 1)
    assert [channel_of(one) for one in (first, second, third)] == [(None, None)] * 2 + [(nvr, 1)]


def test_only_an_nvr_of_the_same_site_that_is_in_the_fleet_has_channels(who: Cast) -> None:
    museum = new_id()
    handle(OpenSite(who.organisation, "Museum", "UTC"), museum, SETUP)
    elsewhere = device(who, site=museum, kind=Kind.NVR)
    gone = device(who, kind=Kind.NVR)
    handle(RemoveDevice("Sold"), gone, who.by(who.alice))
    one, before = device(who), last_position()
    before = last_position()
    for nvr in (elsewhere, gone, one, device(who)):
        before = last_position()
        for attempt in (
            lambda nvr=nvr: place(who, one, nvr, 1),
            lambda nvr=nvr: handle(add(who, nvr=nvr, channel=1), new_id(), who.by(who.alice)),
        ):
            with pytest.raises(Refused) as no:
                attempt()
            assert (no.value.code, no.value.field) == ("nvr_wrong", "nvr")
        assert last_position() == before
    with pytest.raises(NotFound):
        place(who, one, new_id(), 1)
    with pytest.raises(Refused) as no:
        place(who, device(who, kind=Kind.NVR), device(who, kind=Kind.NVR), 1)
    assert no.value.code == "nvr_on_nvr"


def test_an_nvr_of_somebody_elses_is_none(who: Cast) -> None:
    """Bob may look at our NVRs, and Charlie does not know that there are any."""
    nvr, one = device(who, kind=Kind.NVR), device(who)
    before = last_position()
    for somebody, error in ((who.bob, Forbidden), (who.tess, Forbidden), (who.charlie, NotFound)):
        with pytest.raises(error):
            handle(PlaceOnChannel(nvr, 1), one, who.by(somebody))
    [island] = queries.sites(actor_of(who.charlie))
    theirs = add(who, site=island.pk, nvr=nvr, channel=1)
    with pytest.raises(NotFound):
        handle(theirs, new_id(), who.by(who.charlie))
    assert last_position() == before


# --- which channel a camera is on -----------------------------------------------------------------

MAC, OTHER_MAC = "00:FF:00:00:00:01", "00:FF:00:00:00:02"


def told(number: int, host: str = "", mac: str = "", online: bool = True) -> Channel:
    return Channel(number, f"Channel {number}", online, host, mac)


def opens(nvr: UUID, *channels: Channel) -> list[bool]:
    """What is to be recorded of the NVR's cameras."""
    orders = orders_of(device_for_jobs(nvr), channels)
    return [o.command.opens for o in orders if isinstance(o.command, RecordNvrOpens)]


@pytest.mark.parametrize(
    ("known", "channels"),
    [
        ({"mac": MAC}, [told(9, mac=OTHER_MAC, online=False), told(8, mac=MAC)]),
        ({"mac": MAC}, [told(1, mac=OTHER_MAC, online=False), told(8, mac=MAC)]),
        ({}, [told(9, mac=OTHER_MAC, online=False), told(1, mac=MAC)]),
        ({"mac": MAC}, [told(9, online=False), told(1)]),
        ({}, [told(9, "203.0.113.9", online=False), told(8, "203.0.113.7")]),
        # Many cameras behind one address: the number says which.
        ({}, [told(9, "203.0.113.7", online=False), told(1, "203.0.113.7")]),
        # An NVR that tells the MAC addresses of some.
        ({"mac": MAC}, [told(1, "203.0.113.7", online=False), told(8, "203.0.113.7", MAC)]),
    ],
)
def test_a_camera_is_known_by_its_mac_address_else_by_its_channel_else_by_where_it_is(
    who: Cast, known: dict[str, Any], channels: list[Channel]
) -> None:
    nvr = device(who, kind=Kind.NVR)
    device(who, nvr=nvr, channel=1, **known)
    for order in (channels, channels[::-1]):
        assert opens(nvr, *order) == [True]


def test_of_a_camera_that_is_on_no_channel_nothing_is_known(who: Cast) -> None:
    nvr = device(who, kind=Kind.NVR)
    device(who, nvr=nvr, channel=1, mac=MAC)
    assert opens(nvr) == []
    assert opens(nvr, told(2, "203.0.113.9")) == []
    assert opens(nvr, told(1, "203.0.113.7", OTHER_MAC)) == [], "another one is in its place"


@pytest.mark.parametrize(("online", "found"), [(True, [False]), (False, []), (None, [])])
def test_an_nvr_that_cannot_reach_what_nobody_reaches_is_not_to_blame(
    who: Cast, online: bool | None, found: list[bool]
) -> None:
    nvr = device(who, kind=Kind.NVR)
    gate = device(who, nvr=nvr, channel=1)
    Telemetry.objects.create(device=gate, online=online, next_at=timezone.now())
    assert opens(nvr, told(1, online=False)) == found


# --- as an NVR tells it ---------------------------------------------------------------------------

RECORDER, GATE, QUAY = "2200000000001", "2200000000002", "2200000000003"


@pytest.fixture
def specs() -> dict[str, DeviceSpec]:
    given = {"firmware": "1.2.0 Build 240101", "seed": "7"}
    return {
        RECORDER: camera(
            serial=RECORDER,
            kind="nvr",
            name="Harbour recorder",
            services=(ServiceSpec("vigi_nvr", tls=True),),
            **given,
        ),
        GATE: camera(serial=GATE, nvr=RECORDER, channel=1, name="Gate", mac="00-FF-00-13-31-01"),
        QUAY: camera(serial=QUAY, nvr=RECORDER, channel=2, name="Quay", mac="00-FF-00-13-31-02"),
    }


@pytest.fixture
def fleet(specs: dict[str, DeviceSpec]) -> Iterator[ThreadedFleet]:
    with fleet_in_thread(specs.values()) as running:
        yield running


@pytest.fixture
def known(who: Cast, fleet: ThreadedFleet, specs: dict[str, DeviceSpec]) -> dict[str, UUID]:
    """The recorder and its cameras, all taken in."""
    _, port = fleet.address(RECORDER, "vigi_nvr")
    nvr = add_device(who, fleet, specs[RECORDER], services=f"vigi_nvr:{port}")
    added = {
        serial: add_device(who, fleet, specs[serial], nvr=nvr, channel=specs[serial].channel)
        for serial in (GATE, QUAY)
    }
    work()
    return {RECORDER: nvr, **added}


def look(who: Cast, *devices: UUID) -> None:
    for one in devices:
        handle(CheckDevice(), one, who.by(who.tess))
    work()


def status(one: UUID) -> Status:
    return Status.of(device_for_jobs(one))


def test_the_channels_of_an_nvr_are_read_and_what_is_on_them_is_known(
    who: Cast, fleet: ThreadedFleet, specs: dict[str, DeviceSpec], known: dict[str, UUID]
) -> None:
    look(who, known[RECORDER])
    nvr = device_for_jobs(known[RECORDER])
    assert (nvr.certified, nvr.trouble) == (True, "")
    assert [(c["number"], c["name"], c["mac"]) for c in nvr.channels_read] == [
        (1, "Gate", "00:FF:00:13:31:01"),
        (2, "Quay", "00:FF:00:13:31:02"),
    ]
    _, port = fleet.address(RECORDER, "vigi_nvr")
    assert [(pin["port"], pin["certificate"]) for pin in nvr.pins] == [
        (port, fleet.certificate(RECORDER, "vigi_nvr"))
    ]
    for serial in (GATE, QUAY):
        row = device_for_jobs(known[serial])
        assert (row.nvr_opens, status(row.pk)) == (True, Status.CERTIFIED)
    assert Telemetry.objects.get(device=known[RECORDER]).channels_online == [1, 2]
    before = last_position()
    look(who, known[RECORDER])
    told_since = [event.type for event in read_stream(known[RECORDER]) if event.position > before]
    assert told_since == ["devices.check_requested"], "what is as it was is no news"


def test_a_camera_whose_password_the_nvr_does_not_have_is_not_certified_until_it_does(
    who: Cast, fleet: ThreadedFleet, specs: dict[str, DeviceSpec], known: dict[str, UUID]
) -> None:
    look(who, known[RECORDER])
    fleet.change_copy(RECORDER, 1, "admin", password())
    look(who, known[RECORDER])
    gate = device_for_jobs(known[GATE])
    assert (gate.certified, gate.nvr_opens) == (True, False), "Rekey itself gets in"
    assert status(known[GATE]) is Status.NOT_CERTIFIED
    assert status(known[QUAY]) is Status.CERTIFIED
    assert read_stream(known[GATE])[-1].type == "devices.nvr_shut_out"
    alice = actor_of(who.alice)
    assert {row.pk for row in queries.needing_somebody(alice)} == {known[GATE]}
    assert queries.counted(alice)[Status.NOT_CERTIFIED] == 1

    fleet.change_copy(RECORDER, 1, "admin", specs[GATE].password)
    look(who, known[RECORDER])
    assert status(known[GATE]) is Status.CERTIFIED
    assert read_stream(known[GATE])[-1].type == "devices.nvr_let_in"


def test_a_password_that_was_changed_on_the_camera_shuts_out_both(
    who: Cast, fleet: ThreadedFleet, known: dict[str, UUID]
) -> None:
    look(who, known[RECORDER])
    fleet.change_password(QUAY, "admin", password())
    look(who, known[QUAY], known[RECORDER])
    quay = device_for_jobs(known[QUAY])
    assert (quay.certified, quay.nvr_opens, quay.trouble) == (False, False, "")


def test_a_camera_without_power_is_in_trouble_and_its_nvr_is_not_to_blame(
    who: Cast, fleet: ThreadedFleet, known: dict[str, UUID]
) -> None:
    look(who, known[RECORDER])
    fleet.power(GATE, False)
    look(who, known[GATE], known[RECORDER])
    gate = device_for_jobs(known[GATE])
    assert (gate.trouble, gate.nvr_opens) == ("unreachable", True)
    assert Telemetry.objects.get(device=known[RECORDER]).channels_online == [2]


def test_a_sweep_finds_a_stale_copy_by_itself(
    fleet: ThreadedFleet, specs: dict[str, DeviceSpec], known: dict[str, UUID]
) -> None:
    def swept() -> None:
        sweep._begin_telemetry()
        Telemetry.objects.update(next_at=timezone.now(), channels_at=None)  # all are due
        assert sweep.sweep() == len(known)

    swept()
    assert Device.objects.for_jobs().filter(nvr_opens=True).count() == 2
    fleet.change_copy(RECORDER, 2, "admin", password())
    swept()
    assert status(known[QUAY]) is Status.NOT_CERTIFIED
    before = last_position()
    swept()
    assert last_position() == before, "it is told once"
    fleet.change_copy(RECORDER, 2, "admin", specs[QUAY].password)
    swept()
    assert status(known[QUAY]) is Status.CERTIFIED


def test_a_camera_that_is_put_on_another_nvr_is_not_judged_by_the_first(
    who: Cast, fleet: ThreadedFleet, known: dict[str, UUID]
) -> None:
    look(who, known[RECORDER])
    fleet.change_copy(RECORDER, 1, "admin", password())
    look(who, known[RECORDER])
    place(who, known[GATE])
    assert (device_for_jobs(known[GATE]).nvr_opens, status(known[GATE])) == (
        None,
        Status.CERTIFIED,
    )
    look(who, known[RECORDER])
    assert device_for_jobs(known[GATE]).nvr_opens is None
