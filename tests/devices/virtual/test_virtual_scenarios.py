"""Fleets written down as TOML."""

from collections import Counter
from pathlib import Path

import pytest

from devices.virtual import Auth, Character, Discovery, Fleet, Vendor, demo_scenario
from devices.virtual.device import Device
from devices.virtual.scenario_file import FOLDER, ScenarioWrong, read

MIXED = """
size = 40
seed = 3
layout = "addresses"
port_base = 20000

[all]
delay = 0.05

[character]
dead = 0.1
"slow+liar" = 2

[vendor]
Hikvision = 0.25

[flapping]
20 = 3

[auth]
ws = 0.5
"http-digest md5" = 0.5

[discovery]
silent = 1

[services]
rtsp = 0.5
"vigi_local+tls" = 10

[recorders]
count = 3
cameras = 4

[[device]]
name = "Gate"
auth = "ws"
clock_skew = 3600
policy = { cut = 10 }
services = ["recovery"]
"""


@pytest.fixture
def written(tmp_path):
    def write(text: str) -> Path:
        (tmp_path / "fleet.toml").write_text(text)
        return tmp_path / "fleet.toml"

    return write


def test_a_scenario_deals_out_exactly_what_it_says(written):
    gate, *drawn = read(written(MIXED))
    assert (gate.name, gate.auth, gate.clock_skew, gate.policy.cut) == ("Gate", Auth.WS, 3600, 10)
    assert [(s.name, s.port) for s in gate.services] == [("recovery", 20800)]
    assert Counter(spec.character.names for spec in drawn) == {"": 34, "dead": 4, "liar+slow": 2}
    assert Counter(spec.vendor for spec in drawn) == {Vendor.TP_LINK: 30, Vendor.HIKVISION: 10}
    assert Counter(spec.auth for spec in drawn) == {Auth.WS: 20, Auth.DIGEST_MD5: 20}
    assert sum(spec.discovery is Discovery.SILENT for spec in drawn) == 1
    assert Counter((s.name, s.tls) for spec in drawn for s in spec.services) == {
        ("rtsp", False): 20, ("vigi_local", True): 10, ("vigi_nvr", True): 3}  # fmt: skip
    assert {spec.delay for spec in (gate, *drawn)} == {0.05}
    assert Counter(spec.flapping for spec in drawn) == {0: 37, 20: 3}
    assert {spec.lockout_seconds for spec in drawn if spec.vendor is Vendor.HIKVISION} <= {60, 1800}


def test_a_recorder_has_its_cameras_on_its_channels(written):
    specs = read(written(MIXED))
    recorders = [spec for spec in specs if spec.kind == "nvr"]
    assert len(recorders) == 3
    for recorder in recorders:
        cameras = [spec for spec in specs if spec.nvr == recorder.serial]
        assert [camera.channel for camera in cameras] == [1, 2, 3, 4]


def test_each_device_has_its_own_address_and_all_the_same_ports(written):
    specs = read(written(MIXED))
    assert len({spec.host for spec in specs}) == 41
    assert {spec.port for spec in specs} == {20000}
    assert {s.port for spec in specs for s in spec.services if s.name == "rtsp"} == {20554}


def test_size_seed_and_ports_may_be_overruled(written):
    path = written(MIXED)
    assert read(path) == read(path, seed=3)
    other = read(path, size=20, seed=4, port_base=0)
    assert len(other) == 21
    assert {spec.port for spec in other} == {0}
    assert not {spec.serial for spec in other} & {spec.serial for spec in read(path)}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("size = ", "is wrong"),
        ("sizes = 1", "'sizes' means nothing here"),
        ('layout = "rows"', 'layout is "ports" or "addresses"'),
        ("size = 1\n[character]\ngrumpy = 1", "'grumpy' is none of honest"),
        ("size = 1\n[character]\nslow = 2", r"\[character\] asks for 2 devices of 1"),
        ("size = 1\n[vendor]\nAcme = 1", "'Acme' is not a valid Vendor"),
        ("size = 1\n[services]\ntelnet = 1", "'telnet' is no service"),
        ("size = 1001", "at one address there is room for 1000"),
        ('[[device]]\nname = "A"\ncolour = "red"', "'colour' is nothing that a device has"),
        ('[[device]]\nname = "A"\nnvr = "B"', "'A' hangs at 'B', which is none of"),
        ('[[device]]\nport = "A"', "is wrong"),
    ],
)
def test_what_is_wrong_in_a_scenario_is_said_in_a_sentence(written, text, sentence):
    with pytest.raises(ScenarioWrong, match=sentence):
        read(written(text))


def test_a_scenario_that_is_not_there_names_those_that_are(tmp_path):
    with pytest.raises(ScenarioWrong, match="one of bad_devices, demo, large"):
        read(tmp_path / "none.toml")


@pytest.mark.parametrize("name", [file.stem for file in FOLDER.glob("*.toml")])
def test_what_comes_with_rekey_runs(name):
    specs = read(Path(name), port_base=0, size=60 if name == "large" else None)
    fleet = Fleet([spec for spec in specs if spec.host == "127.0.0.1"])
    fleet._close()
    assert len({spec.serial for spec in specs}) == len(specs)
    assert len({spec.name for spec in specs}) == len(specs)


def test_every_kind_of_badness_has_its_device():
    specs = read(Path("bad_devices"))
    shown = {trait for spec in specs for trait in spec.character}
    assert shown == set(Character)
    assert {manner for spec in specs for manner in spec.discovery} >= {
        Discovery.SILENT, Discovery.TWICE, Discovery.OTHER_PORT, Discovery.RAW_SPACE}  # fmt: skip
    assert {spec.refusal_status for spec in specs} == {0, 400, 403, 500}
    assert {spec.auth for spec in specs} == set(Auth)
    for changed in ("clock_skew", "flapping", "fresh", "tls", "restart_seconds", "delay",
                    "lockout_for_good"):  # fmt: skip
        assert any(getattr(spec, changed) for spec in specs), changed


def test_beside_the_demos_own_devices_stand_some_to_be_found():
    later = demo_scenario(1)[14:]
    assert sum(spec.fresh for spec in later) == 2
    assert sum(spec.tls for spec in later) == 1
    assert len(later) == 4
    assert all(Device(spec).fresh == spec.fresh for spec in later)
