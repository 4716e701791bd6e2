"""The devices' flash: a journal that a kill cannot spoil."""

import json

import pytest

from devices.virtual import Fleet, fleet_in_thread, uniform_scenario
from devices.virtual.memory import Memory, MemoryUnreadable
from tests.devices.drivers.made_up import password


def kept(path) -> dict:
    return Memory(path).kept


def test_a_change_is_one_line_and_a_start_leaves_one_for_each_device(tmp_path):
    path, (one, two) = tmp_path / "flash", uniform_scenario(1, 2, 0)
    with fleet_in_thread([one, two], memory=path) as fleet:
        size = path.stat().st_size
        for word in (password(), password()):
            fleet.change_password(one.serial, "admin", word)
        assert path.read_bytes().count(b"\n") == 3
        assert path.stat().st_size < size + 1000
    with fleet_in_thread([one, two], memory=path) as fleet:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        assert [line.get("serial", line.get("starts")) for line in lines] == [2, one.serial]
        assert fleet.opens(one.serial, "admin", word)
        assert fleet.opens(two.serial, "admin", two.password)


@pytest.mark.parametrize("lost", [1, 10, 50])
def test_a_line_that_was_not_finished_is_as_if_it_had_not_been_begun(tmp_path, lost):
    memory = Memory(tmp_path / "flash")
    memory.open()
    for word in ("first", "second"):
        memory.keep("1", {"word": word * 20})
    memory.close()
    whole = (tmp_path / "flash").read_bytes()
    (tmp_path / "flash").write_bytes(whole[:-lost])
    assert kept(tmp_path / "flash") == {"1": {"word": "first" * 20}}


@pytest.mark.parametrize("content", [b"{}", b'{"starts": 1}\n{}\n', b"notes\n", b"[]\n", b"\xff\n"])
def test_another_file_is_left_as_it_is(tmp_path, content):
    path = tmp_path / "notes"
    path.write_bytes(content)
    with pytest.raises(MemoryUnreadable, match="notes is no memory of a virtual fleet"):
        Fleet([], memory=path)
    assert path.read_bytes() == content


def test_nonces_differ_from_one_start_of_the_fleet_to_the_next(tmp_path):
    spec, seen = uniform_scenario(1, 1, 0)[0], set()
    for _ in range(3):
        with fleet_in_thread([spec], memory=tmp_path / "flash") as fleet:
            seen.add(fleet._fleet.device(spec.serial).random_bytes(16))
    assert len(seen) == 3


def test_a_device_that_is_no_more_is_remembered_for_when_it_comes_back(tmp_path):
    one, two = uniform_scenario(1, 2, 0)
    with fleet_in_thread([one, two], memory=tmp_path / "flash") as fleet:
        fleet.change_password(one.serial, "admin", word := password())
    with fleet_in_thread([two], memory=tmp_path / "flash"):
        pass
    with fleet_in_thread([one], memory=tmp_path / "flash") as fleet:
        assert fleet.opens(one.serial, "admin", word)
