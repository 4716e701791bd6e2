"""How a camera comes onto its channel of an NVR, step by step, whatever is there already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.drivers.base import StoredCamera
from devices.recorder_list import Step, Stuck, _as_spoken_to, find, next_step

MACS = [f"00:FF:00:00:00:0{n}" for n in range(4)]
CHANNELS = 6


def stored(number: int, one: int, opens: bool | None = True, **more: object) -> StoredCamera:
    """Camera number `one` on a channel."""
    camera = StoredCamera(
        number, "Name", bool(opens), f"192.0.2.{one}", MACS[one], 80, f"key {one}", "onvif", opens
    )
    return replace(camera, **more)  # type: ignore[arg-type]


GATE = stored(3, 0, None, name="Gate")


class Nvr:
    """One that does as it is told, and puts what is added on its first free channel."""

    def __init__(self, listed: Sequence[StoredCamera]) -> None:
        self.listed = list(listed)
        self.steps: list[Step] = []

    def do(self, step: Step, camera: StoredCamera) -> None:
        self.steps.append(step)
        here = find(self.listed, camera)
        if step is Step.ADD:
            taken = {c.number for c in self.listed}
            free = next(n for n in range(1, CHANNELS + 1) if n not in taken)
            self.listed.append(replace(camera, number=free, name="Model", opens=True))
        elif here:
            changed = {
                Step.SET_LOGIN: {"name": camera.name, "opens": True},
                Step.MOVE: {"number": camera.number},
            }[step]
            self.listed[self.listed.index(here)] = replace(here, **changed)  # type: ignore[arg-type]


lists = st.lists(
    st.tuples(st.integers(1, CHANNELS), st.integers(0, 3), st.sampled_from([True, False])),
    unique_by=(lambda one: one[0], lambda one: one[1]),
    max_size=4,
).map(lambda ones: [stored(*one) for one in ones])


@given(lists)
def test_it_comes_onto_its_channel_or_is_left_to_a_person_and_nothing_else_is_touched(
    listed: list[StoredCamera],
) -> None:
    nvr = Nvr(listed)
    others = [c for c in listed if c.mac != GATE.mac]
    blocked = any(c.number == GATE.number for c in others)
    why = ""
    for _ in range(6):
        try:
            step = next_step(nvr.listed, GATE, Step.SET_LOGIN in nvr.steps)
        except Stuck as stuck:
            why = stuck.code
            break
        if step is Step.DONE:
            break
        nvr.do(step, GATE)
    assert [c for c in nvr.listed if c.mac != GATE.mac] == others
    here = find(nvr.listed, GATE)
    if blocked:
        assert why == ("other_channel" if here else "channel_taken")
        return
    assert not why
    assert here is not None
    assert (here.number, here.name, here.opens) == (GATE.number, GATE.name, True)
    assert len(nvr.steps) <= 3


@pytest.mark.parametrize(
    ("opens", "step"), [(True, Step.DONE), (False, Step.REFUSED), (None, Step.WAIT)]
)
def test_the_nvrs_own_word_ends_it(opens: bool | None, step: Step) -> None:
    assert next_step([stored(3, 0, opens)], GATE, told=True) is step
    assert next_step([stored(3, 0, opens)], GATE, told=False) is Step.SET_LOGIN


def test_a_camera_is_found_by_the_surest_that_is_known() -> None:
    moved = stored(1, 0, host="192.0.2.9")
    listed = [stored(2, 1), moved, stored(3, 2)]
    assert find(listed, GATE) == moved
    assert find(listed, replace(GATE, key="")) == moved
    assert find(listed, replace(GATE, key="another")) == moved
    assert find(listed, replace(GATE, key="", mac="")) is None
    nameless = [replace(c, mac="", key=f"{c.host}:80") for c in listed]
    assert find(nameless, replace(GATE, key="", host="192.0.2.9")) == nameless[1]
    assert find(nameless, replace(GATE, key="", host="192.0.2.8")) is None


def test_behind_one_address_the_port_or_the_channel_tells_cameras_apart() -> None:
    one, two = (
        replace(stored(n, n), host="127.0.0.1", port=8000 + n, mac="", key=f"127.0.0.1:800{n}")
        for n in (1, 2)
    )
    known = replace(GATE, host="127.0.0.1", key="", mac="")
    assert find([one, two], replace(known, port=8002, number=9)) == two
    assert find([one, two], replace(known, port=1, number=1)) == one
    assert find([one, two], replace(known, port=1, number=9)) is None


def test_a_camera_that_is_there_twice_is_the_one_on_its_channel() -> None:
    ghost, real = stored(1, 0), stored(3, 0)
    assert find([ghost, real], GATE) == real


def test_how_it_is_talked_to_is_taken_from_the_others_only_if_they_agree() -> None:
    bare = replace(GATE, protocol="")
    assert _as_spoken_to(bare, [stored(1, 1), stored(2, 2)]).protocol == "onvif"
    assert _as_spoken_to(bare, [stored(1, 1), stored(2, 2, protocol="own")]).protocol == ""
    assert _as_spoken_to(bare, []).protocol == ""
    assert _as_spoken_to(GATE, [stored(2, 2, protocol="own")]).protocol == "onvif"
