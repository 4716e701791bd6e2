"""What becomes of each line: pure, from rows and a made-up fleet."""

from __future__ import annotations

import dataclasses
from uuid import UUID

import pytest

from devices.lists.planning import plan
from devices.lists.plans import Action, Change, Fleet, Place
from devices.state import Kind
from devices.steps.add_device import AddDevice
from devices.steps.change_device import ChangeDevice
from devices.steps.place_on_channel import PlaceOnChannel
from fleet.errors import Forbidden, Refused
from tests.devices.lists.made_up import (
    HARBOUR,
    MUSEUM,
    NOW,
    ORGANISATION,
    PASSWORD,
    SEED,
    a_device,
    a_row,
    an_nvr,
    line,
    new,
    planned,
    refusal,
)

CAMERA, NVR = a_device(), an_nvr()

# --- adding ---------------------------------------------------------------------------------------


def test_a_line_about_nothing_known_adds_a_device() -> None:
    plan = planned([new(name="Gate", host="198.51.100.7", serial="SN7", mac="02-00-5e-00-53-07")])
    [added], [(command, stream)] = plan.lines, plan.orders
    assert (added.action, added.name, added.site) == (Action.ADD, "Gate", "Harbour")
    assert (added.address, added.device) == ("198.51.100.7:80", stream)
    assert isinstance(command, AddDevice)
    assert (command.kind, command.port, command.username) == (Kind.CAMERA, 80, "admin")
    assert (command.site, command.placed.organisation) == (HARBOUR.id, ORGANISATION)
    assert command.mac == "02:00:5E:00:53:07"
    assert stream == planned([new(name="Gate", host="198.51.100.7")]).orders[0][1]


def test_the_password_is_in_the_command_alone() -> None:
    plan = planned([new()])
    assert plan.orders[0][0].password == PASSWORD
    assert PASSWORD not in repr(plan)


@pytest.mark.parametrize(
    ("cells", "address"),
    [({}, ":80"), ({"tls": "yes"}, ":443"), ({"port": "8000"}, ":8000")],
)
def test_a_port_that_is_left_out_is_the_usual_one(cells: dict[str, str], address: str) -> None:
    assert line(new(host="gate", **cells)).address == f"gate{address}"


@pytest.mark.parametrize(
    ("cells", "code", "column"),
    [
        ({"name": ""}, "name_missing", "Name"),
        ({"name": "Gate\nnorth"}, "name_unprintable", "Name"),
        ({"host": "", "serial": "SN7"}, "host_wrong", "Address"),
        ({"host": "http://gate/"}, "host_wrong", "Address"),
        ({"port": "many"}, "port_wrong", "Port"),
        ({"port": "70000"}, "port_wrong", "Port"),
        ({"path": "onvif"}, "path_wrong", "Path"),
        ({"password": ""}, "password_missing", "Password"),
        ({"reset_email": "nobody"}, "mailbox_malformed", "Reset Password Email"),
        ({"services": "ftp:21"}, "services_wrong", "Services"),
        ({"mac": "02:00"}, "mac_wrong", "MAC"),
        ({"channel": "3"}, "channel_wrong", "Channel"),
        ({"nvr": "Recorder 90"}, "channel_wrong", "Channel"),
        ({"nvr": "Recorder 90", "channel": "999"}, "channel_wrong", "Channel"),
        ({"nvr": "Recorder 90", "channel": "first"}, "channel_wrong", "Channel"),
        ({"nvr": "Recorder 90", "channel": "1", "kind": "NVR"}, "nvr_on_nvr", "NVR"),
        ({"nvr": "Recorder 91", "channel": "1"}, "not_found", "NVR"),
        ({"kind": "boat"}, "kind_wrong", "Kind"),
        ({"tls": "perhaps"}, "https_wrong", "HTTPS"),
        ({"name": "x" * 201}, "too_long", "Name"),
        ({"site": "Nowhere"}, "not_found", "Site"),
    ],
)
def test_a_line_is_refused_as_its_command_is(cells: dict[str, str], code: str, column: str) -> None:
    assert refusal(new(**cells), NVR) == (code, column)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"site": "Atlantis"}, "There is no site “Atlantis” here. Check its name."),
        ({"nvr": "Recorder 91", "channel": "1"}, "There is no NVR “Recorder 91” here."),
    ],
)
def test_what_was_typed_and_is_not_there_is_named(cells: dict[str, str], said: str) -> None:
    problem = line(new(**cells), NVR).problem
    assert problem and problem.message.startswith(said)


def test_no_problem_repeats_a_password() -> None:
    assert PASSWORD not in repr(line(new(port="x", password=PASSWORD * 10)))


def test_an_address_out_of_reach_is_refused() -> None:
    def out_of_reach(host: str, port: int) -> None:
        raise Refused("host_forbidden", f"not {host}:{port}", field="host")

    fleet = Fleet((HARBOUR,), (CAMERA,), out_of_reach)
    rows = [
        new(2, host="169.254.169.254"),
        a_row(3, serial="SN1", host="127.0.0.1"),
        a_row(4, host=CAMERA.host, name="Other"),
    ]
    lines = plan(rows, fleet, HARBOUR.id, SEED, NOW).lines
    assert [one.problem and one.problem.code for one in lines[:2]] == ["host_forbidden"] * 2
    assert plan(rows[2:], fleet, HARBOUR.id, SEED, NOW).lines[0].action is Action.UPDATE


# --- sites ----------------------------------------------------------------------------------------


def test_a_line_names_its_site_by_name_or_id() -> None:
    for text in ("museum", " Museum ".strip(), str(MUSEUM.id)):
        assert line(new(site=text)).site == "Museum"


def test_a_site_that_may_not_be_seen_is_as_one_that_is_not_there() -> None:
    theirs = Place(UUID(int=99), UUID(int=98), "Island")
    unknown, hidden = line(new(site="Nowhere")), line(new(site=theirs.name))
    assert unknown.problem and hidden.problem
    said = hidden.problem.message.replace(theirs.name, "Nowhere")
    assert unknown.problem == dataclasses.replace(hidden.problem, message=said)


def test_a_site_where_one_may_not_change_devices_is_refused_as_commands_are() -> None:
    museum = dataclasses.replace(MUSEUM, no=Forbidden("role_too_low", "Ask an administrator."))
    places = (HARBOUR, museum)
    there = a_device(site=MUSEUM.id)
    assert refusal(new(site="Museum"), places=places) == ("role_too_low", "")
    assert refusal(a_row(serial="SN1", name="Other"), there, places=places)[0] == "role_too_low"


def test_two_sites_of_one_name_are_told_apart_by_id() -> None:
    twin = Place(UUID(int=12), ORGANISATION, "harbour")
    places = (HARBOUR, twin)
    assert refusal(new(site="Harbour"), places=places) == ("site_unclear", "Site")
    assert line(new(site=str(twin.id)), places=places).action is Action.ADD
    assert line(new(), places=places).site == "Harbour"


# --- finding --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cells",
    [
        {"serial": "SN1"},
        {"mac": "02:00:5e:00:53:01"},
        {"mac": "0200.5E00.5301", "host": "203.0.113.9"},
        {"host": "203.0.113.1"},
        {"host": "203.0.113.1", "port": "80", "site": "Harbour"},
    ],
)
def test_a_device_is_found_by_serial_mac_or_address(cells: dict[str, str]) -> None:
    known = a_device(mac="02:00:5E:00:53:01")
    found = line(a_row(**cells), known)
    assert found.device == known.id
    assert found.action is (
        Action.UPDATE if cells.get("host") == "203.0.113.9" else Action.UNCHANGED
    )


def test_the_same_address_at_another_site_is_another_device() -> None:
    added = line(new(host=CAMERA.host, site="Museum"), CAMERA)
    assert (added.action, added.site) == (Action.ADD, "Museum")


def test_a_device_is_found_wherever_it_is_and_stays_there() -> None:
    there = a_device(site=MUSEUM.id)
    found = line(a_row(serial="SN1", name="Renamed"), there)
    assert (found.action, found.site) == (Action.UPDATE, "Museum")
    assert refusal(a_row(serial="SN1", site="Harbour"), there) == ("at_another_site", "Site")


def test_serial_and_mac_of_two_devices_are_refused() -> None:
    other = a_device(2, mac="02:00:5E:00:53:02")
    assert refusal(a_row(serial="SN1", mac=other.mac), CAMERA, other) == ("mac_taken", "MAC")


def test_another_serial_at_a_known_address_is_another_device() -> None:
    assert refusal(new(host=CAMERA.host, serial="SN2"), CAMERA) == ("another_device", "Serial")


def test_a_serial_that_the_device_has_not_told_yet_is_no_change() -> None:
    untold = a_device(serial="")
    assert line(a_row(host=untold.host, serial="SN1"), untold).action is Action.UNCHANGED


def test_of_several_with_one_serial_the_address_decides() -> None:
    one, two = a_device(1, serial="SAME"), a_device(2, serial="SAME")
    assert line(a_row(serial="SAME", host=two.host), one, two).device == two.id
    assert refusal(a_row(serial="SAME"), one, two) == ("which_device", "Serial")


# --- changing -------------------------------------------------------------------------------------


def test_what_would_change_is_shown_old_and_new() -> None:
    row = a_row(
        serial="SN1", name="Gate", host="203.0.113.9", port="8000", tls="yes", services="rtsp:8554"
    )
    plan = planned([row], CAMERA)
    assert plan.lines[0].changes == (
        Change("Name", "Camera 1", "Gate"),
        Change("Address", "203.0.113.1", "203.0.113.9"),
        Change("Port", "80", "8000"),
        Change("HTTPS", "no", "yes"),
        Change("Services", "", "rtsp:8554"),
    )
    [(command, stream)] = plan.orders
    assert isinstance(command, ChangeDevice)
    assert (stream, command.path) == (CAMERA.id, None)


def test_an_empty_cell_leaves_things_as_they_are() -> None:
    plan = planned([a_row(serial="SN1", name="", port="")], CAMERA)
    assert (plan.lines[0].action, plan.orders) == (Action.UNCHANGED, [])


def test_a_host_name_in_other_letters_is_no_change() -> None:
    known = a_device(host="gate.example")
    assert line(a_row(host="GATE.example"), known).action is Action.UNCHANGED


def test_a_camera_is_put_on_another_channel() -> None:
    plan = planned([a_row(serial="SN1", nvr="recorder 90", channel="3")], CAMERA, NVR)
    assert plan.lines[0].changes == (Change("NVR", "", "Recorder 90"), Change("Channel", "", "3"))
    [(command, _)] = plan.orders
    assert isinstance(command, PlaceOnChannel)
    assert (command.nvr, command.channel, command.recorder.name) == (NVR.id, 3, "Recorder 90")


def test_a_channel_alone_is_another_one_of_the_same_nvr() -> None:
    known = a_device(nvr=NVR.id, channel=1)
    changed = line(a_row(serial="SN1", channel="2"), known, NVR)
    assert changed.changes == (Change("Channel", "1", "2"),)


@pytest.mark.parametrize(
    ("cells", "column"),
    [
        ({"kind": "NVR"}, "Kind"),
        ({"username": "root"}, "Account"),
    ],
)
def test_what_a_list_does_not_change_is_a_problem_and_not_passed_over(
    cells: dict[str, str], column: str
) -> None:
    assert refusal(a_row(serial="SN1", **cells), CAMERA) == ("not_by_import", column)


@pytest.mark.parametrize("now", ["owner@example.com", ""])
def test_a_list_neither_changes_nor_sets_the_mailbox_of_a_known_device(now: str) -> None:
    known = a_device(reset_email=now)
    planned_line = line(a_row(serial="SN1", reset_email="mallory@example.com"), known)
    assert planned_line.problem
    assert planned_line.problem.code == "mailbox_not_by_import"
    assert "two people have to agree" in planned_line.problem.message


def test_the_mailbox_that_a_device_has_may_stand_in_the_list() -> None:
    known = a_device(reset_email="Owner@Example.com")  # as it was typed long ago
    same = line(a_row(serial="SN1", reset_email="Owner@EXAMPLE.com"), known)
    assert same.action is Action.UNCHANGED


def test_a_password_of_a_known_device_stays_and_that_is_said() -> None:
    stays = line(a_row(serial="SN1", password=PASSWORD), CAMERA)
    assert (stays.action, stays.note) == (Action.UNCHANGED, "Its password stays as it is.")


def test_an_address_or_channel_that_is_taken_is_a_conflict() -> None:
    other = a_device(2, nvr=NVR.id, channel=1)
    assert refusal(a_row(serial="SN1", host=other.host), CAMERA, other) == (
        "address_taken",
        "Address",
    )
    on_channel = {"nvr": NVR.name, "channel": "1"}
    assert refusal(a_row(serial="SN1", **on_channel), CAMERA, other, NVR)[0] == "channel_taken"
    assert refusal(new(**on_channel), other, NVR) == ("channel_taken", "Channel")


# --- NVRs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["Recorder 90", "recorder 90", "SN90", "sn90"])
def test_an_nvr_is_named_by_name_or_serial(text: str) -> None:
    assert line(new(nvr=text, channel="1"), NVR).action is Action.ADD


def test_an_nvr_comes_with_its_cameras_whatever_their_order() -> None:
    camera = new(2, nvr="New recorder", channel="1")
    recorder = new(3, name="New recorder", kind="NVR", host="198.51.100.90")
    plan = planned([camera, recorder])
    assert [one.action for one in plan.lines] == [Action.ADD, Action.ADD]
    (first, nvr), (second, _) = plan.orders
    assert (first.name, second.name) == ("New recorder", "New 2")
    assert second.nvr == nvr


def test_an_nvr_is_found_by_the_name_that_the_list_gives_it() -> None:
    rows = [a_row(2, serial="SN90", name="Cellar"), new(3, nvr="Cellar", channel="1")]
    assert planned(rows, NVR).orders[-1][0].nvr == NVR.id


def test_an_nvr_of_another_site_is_refused() -> None:
    there = an_nvr(site=MUSEUM.id)
    assert refusal(new(nvr="Recorder 90", channel="1"), there) == ("nvr_wrong", "NVR")


def test_two_nvrs_of_one_name_are_told_apart_by_serial_unless_it_is_the_one_already() -> None:
    twin = an_nvr(91, name="Recorder 90")
    assert refusal(new(nvr="Recorder 90", channel="1"), NVR, twin) == ("nvr_unclear", "NVR")
    assert line(new(nvr="SN91", channel="1"), NVR, twin).action is Action.ADD
    on_it = a_device(nvr=twin.id, channel=1)
    same = a_row(serial="SN1", nvr="Recorder 90", channel="1")
    assert line(same, on_it, NVR, twin).action is Action.UNCHANGED


# --- two lines of one file ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "two", "code", "column"),
    [
        ({"serial": "S"}, {"serial": "S"}, "serial_taken", "Serial"),
        ({"mac": "02005e005301"}, {"mac": "02:00:5E:00:53:01"}, "mac_taken", "MAC"),
        ({"host": "gate"}, {"host": "GATE"}, "address_taken", "Address"),
        (
            {"nvr": "SN90", "channel": "1"},
            {"nvr": "Recorder 90", "channel": "1"},
            "channel_taken",
            "Channel",
        ),
    ],
)
def test_what_two_lines_want_both_is_a_problem_of_both(
    one: dict[str, str], two: dict[str, str], code: str, column: str
) -> None:
    first, second = planned([new(2, **one), new(3, **two)], NVR).lines
    for this, other in ((first, 3), (second, 2)):
        assert this.problem is not None
        assert (this.problem.code, this.problem.column) == (code, column)
        assert this.problem.message.startswith(f"Line {other} has the same ")


def test_a_camera_on_two_channels_is_refused() -> None:
    rows = [
        a_row(2, serial="SN1", nvr=NVR.name, channel="1"),
        a_row(3, host=CAMERA.host, nvr=NVR.name, channel="2"),
    ]
    lines = planned(rows, CAMERA, NVR).lines
    assert [one.problem and one.problem.code for one in lines] == ["device_twice"] * 2


def test_a_new_camera_at_the_address_that_another_moves_to_is_refused() -> None:
    rows = [a_row(2, serial="SN1", host="198.51.100.3"), new(3)]
    assert planned(rows, CAMERA).counts[Action.PROBLEM] == 2


def test_with_a_problem_anywhere_a_line_keeps_its_own_action() -> None:
    rows = [
        new(2),
        new(3, host="?"),
        a_row(4, serial="SN1"),
        a_row(5, serial="SN2", name="X"),
    ]
    plan = planned(rows, CAMERA, a_device(2))
    assert plan.counts == dict.fromkeys(Action, 1)
    assert [one.number for one in plan.lines] == [2, 3, 4, 5]


def test_progress_is_told_line_by_line() -> None:
    told: list[int] = []
    plan([new(n) for n in range(5)], Fleet((HARBOUR,), ()), HARBOUR.id, SEED, NOW, told.append)
    assert told == [1, 2, 3, 4, 5]
