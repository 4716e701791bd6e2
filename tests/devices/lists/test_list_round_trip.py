"""Whatever the fleet is: written and read back, nothing changes; applied twice, it is done once."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.drivers.base import Service
from devices.lists import writing
from devices.lists.planning import plan
from devices.lists.plans import Action, Fleet
from devices.lists.reading import Row, read
from devices.lists.writing import Form
from devices.state import SERVICES, DeviceState
from tests.devices.lists.made_up import HARBOUR, MUSEUM, NOW, SEED, a_device, an_nvr, new, xlsx_of

TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"  # not in names
names = st.text(
    st.characters(
        codec="utf-8",
        exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp", "Co", "Cn"],
        exclude_characters=TURNING,
    ),
    min_size=1,
    max_size=20,
)
services = st.lists(st.sampled_from(sorted(SERVICES)), unique=True, max_size=2).map(
    lambda names: tuple(Service(name, 1000 + n, n % 2 == 0) for n, name in enumerate(sorted(names)))
)


@st.composite
def fleets(draw: Any) -> list[DeviceState]:
    devices = [an_nvr(90, name=draw(names)), an_nvr(91, name=draw(names), site=MUSEUM.id)]
    for number in range(1, draw(st.integers(1, 6))):
        nvr = draw(st.sampled_from([None, *devices[:2]]))
        devices.append(
            a_device(
                number,
                name=draw(names),
                host=draw(st.sampled_from([f"203.0.113.{number}", f"gate{number}.example", "::1"])),
                port=number,
                tls=draw(st.booleans()),
                path=draw(st.sampled_from(["/onvif/device_service", "/", "/a=b"])),
                services=draw(services),
                username=draw(st.sampled_from(["admin", "=root", "-x"])),
                reset_email=draw(st.sampled_from(["", "owner@example.com"])),
                serial=draw(st.sampled_from(["", f"SN{number}", f"-{number}", "SAME"])),
                mac=draw(st.sampled_from(["", f"02:00:5E:00:53:0{number}"])),
                nvr=nvr.id if nvr else None,
                channel=number if nvr else None,
                site=nvr.site if nvr else HARBOUR.id,
            )
        )
    return devices


def written(devices: list[DeviceState], form: Form) -> bytes:
    by_id = {device.id: device for device in devices}
    sites = {place.id: place.name for place in (HARBOUR, MUSEUM)}
    rows = [
        {name: getattr(device, name) for name in DeviceState.__dataclass_fields__}
        | {"site": sites[device.site], "nvr": by_id[device.nvr].name if device.nvr else None}
        for device in devices
    ]
    return b"".join(writing.devices(rows, form, "devices").pieces)


@pytest.mark.parametrize("form", list(Form))
@settings(max_examples=30)
@given(devices=fleets())
def test_a_list_that_was_written_is_read_back_as_unchanged(
    form: Form, devices: list[DeviceState]
) -> None:
    rows = read(written(devices, form)).rows
    assert len(rows) == len(devices)
    lines = plan(rows, Fleet((HARBOUR, MUSEUM), devices), MUSEUM.id, SEED, NOW).lines
    assert [(one.action, one.problem) for one in lines] == [(Action.UNCHANGED, None)] * len(rows)


cells = st.fixed_dictionaries(
    {},
    optional={
        "name": names,
        "kind": st.sampled_from(["camera", "NVR", "boat"]),
        "host": st.sampled_from(["203.0.113.1", "203.0.113.2", "203.0.113.1", "203.0.113.2", "?"]),
        "port": st.sampled_from(["80", "8000", "x"]),
        "tls": st.sampled_from(["yes", "no", "?"]),
        "password": st.just("made-up-1"),
        "nvr": st.sampled_from(["Recorder 90", "SN91", "nobody"]),
        "channel": st.sampled_from(["1", "2", "999"]),
        "services": st.sampled_from(["rtsp", "rtsp:1 rtsp:2"]),
        "serial": st.sampled_from(["SN1", "SN2", "SN3", "SAME"]),
        "mac": st.sampled_from(["02005e005301", "02005e005303", "?"]),
        "site": st.sampled_from(["Harbour", "Museum", "Nowhere"]),
    },
)
KNOWN = [
    a_device(1, mac="02:00:5E:00:53:01"),
    a_device(2, nvr=UUID(int=190), channel=2),
    a_device(3, serial="SAME"),
    a_device(4, serial="SAME", site=MUSEUM.id),
    an_nvr(90),
    an_nvr(91, site=MUSEUM.id),
]


def applied(rows: list[Row], devices: list[DeviceState]) -> list[DeviceState]:
    """The fleet after the list, problems left out."""
    states = {device.id: device for device in devices}
    for command, stream in plan(
        rows, Fleet((HARBOUR, MUSEUM), devices), HARBOUR.id, SEED, NOW
    ).orders:
        state = states.get(stream, DeviceState(stream))
        for happened in command.decide(state, NOW):
            state = happened.evolve(state)
        states[stream] = state
    return list(states.values())


@settings(max_examples=100)
@given(st.lists(cells, max_size=8))
def test_every_line_gets_one_answer_and_applied_twice_it_is_done_once(
    lists: list[dict[str, str]],
) -> None:
    rows = [Row(number, cells) for number, cells in enumerate(lists, 2)]
    fleet = Fleet((HARBOUR, MUSEUM), KNOWN)
    first = plan(rows, fleet, HARBOUR.id, SEED, NOW)
    assert [one.number for one in first.lines] == [row.number for row in rows]
    for one in first.lines:
        assert (one.problem is not None) == (one.action is Action.PROBLEM)
        assert bool(one.changes) == (one.action is Action.UPDATE)
    touched = {stream for _, stream in first.orders}
    acting = [one for one in first.lines if one.action in (Action.ADD, Action.UPDATE)]
    assert len(touched) == len(acting)
    good = [row for row, one in zip(rows, first.lines, strict=True) if not one.problem]
    after = applied(good, KNOWN)
    again = plan(good, Fleet((HARBOUR, MUSEUM), after), HARBOUR.id, SEED, NOW)
    assert again.orders == [], again.lines
    taken = [(d.site, d.host.casefold(), d.port) for d in after]
    assert len(set(taken)) == len(taken)
    channels = [(d.nvr, d.channel) for d in after if d.nvr]
    assert len(set(channels)) == len(channels)
    assert all((d.nvr is None) == (d.channel is None) for d in after)


@settings(max_examples=50)
@given(st.lists(cells, max_size=6), st.randoms())
def test_the_order_of_lines_says_nothing(lists: list[dict[str, str]], random: Any) -> None:
    rows = [Row(number, cells) for number, cells in enumerate(lists, 2)]
    mixed = random.sample(rows, len(rows))
    fleet = Fleet((HARBOUR, MUSEUM), KNOWN)

    def answers(rows: list[Row]) -> dict[int, tuple[Action, str]]:
        lines = plan(rows, fleet, HARBOUR.id, SEED, NOW).lines
        return {one.number: (one.action, one.problem.code if one.problem else "") for one in lines}

    assert answers(rows) == answers(mixed)


@pytest.mark.parametrize("form", list(Form))
def test_nothing_that_is_written_is_a_formula_or_a_password(form: Form) -> None:
    evil = a_device(name='=HYPERLINK("http://203.0.113.1","x")', serial="+1", username="@x")
    data = written([evil], form)
    assert read(data).rows[0].cells["name"] == evil.name
    if form is Form.CSV:
        text = data.decode("utf-8-sig")
        assert "Password," not in text.splitlines()[0].replace("Reset Password Email", "")
        cells = text.splitlines()[1].replace('""', "").replace('"', "").split(",")
        assert all(cell[:1] not in ("=", "+", "-", "@") for cell in cells)
    else:
        assert b"<f>" not in unpacked(data)


@pytest.mark.parametrize("form", list(Form))
def test_the_template_needs_nothing_but_passwords(form: Form) -> None:
    rows = read(b"".join(writing.template(form).pieces)).rows
    fleet = Fleet((HARBOUR,), ())
    lines = plan(rows, fleet, HARBOUR.id, SEED, NOW).lines
    assert [one.problem and one.problem.code for one in lines] == ["password_missing"] * 2
    filled = [Row(row.number, row.cells | {"password": "made-up-1"}) for row in rows]
    lines = plan(filled, fleet, HARBOUR.id, SEED, NOW).lines
    assert [(one.name, one.action) for one in lines] == [
        ("Recorder 1", Action.ADD),
        ("Gate north", Action.ADD),
    ]


def unpacked(data: bytes) -> bytes:
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return b"".join(packed.read(part) for part in packed.namelist())


def test_the_same_list_in_both_forms_is_the_same_list() -> None:
    assert read(xlsx_of(("Name", "Address", "Password"), ("A", "203.0.113.1", "x"))).rows == [
        Row(2, new(host="203.0.113.1", name="A", password="x").cells)
    ]
