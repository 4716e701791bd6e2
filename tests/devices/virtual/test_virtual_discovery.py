"""WS-Discovery of the virtual fleet, asked by hand and then by the driver."""

import asyncio
import ipaddress
import re
import socket
from collections import Counter
from dataclasses import replace
from urllib.parse import unquote
from uuid import uuid4

import pytest

from devices.drivers.ws_discovery import probe
from devices.virtual import Character, DeviceSpec, Discovery, fleet_in_thread, uniform_scenario
from devices.virtual.device import Device
from devices.virtual.discovery import GROUP, answer_to, endpoint_of
from tests.devices.drivers.made_up import camera

UNTYPED, DEVICE, TRANSMITTER = (
    frozenset(words.split()) for words in ("", "Device", "NetworkVideoTransmitter")
)


def asking(types: str, message_id: str) -> bytes:
    return (
        '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"'
        ' xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
        ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"'
        ' xmlns:dn="http://www.onvif.org/ver10/network/wsdl">'
        f"<e:Header><w:MessageID>{message_id}</w:MessageID></e:Header>"
        f"<e:Body><d:Probe><d:Types>{types}</d:Types></d:Probe></e:Body></e:Envelope>"
    ).encode()


def heard(
    specs: list[DeviceSpec], to: str = "127.0.0.1", wanted: int = 1
) -> list[tuple[str, tuple[str, int], int]]:
    """What answers to a probe: the text, where it came from, and the port that was asked."""
    answers = []
    with (
        fleet_in_thread(specs, discovery_port=0) as fleet,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker,
    ):
        port = fleet.discovery_port or 0
        asker.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        asker.bind(("127.0.0.1", 0))
        message = asking("dn:NetworkVideoTransmitter", f"urn:uuid:{uuid4()}")
        asker.sendto(message, (to, port))
        asker.settimeout(5)
        while True:
            try:
                data, source = asker.recvfrom(65536)
            except TimeoutError:
                return answers
            answers.append((data.decode(), source, port))
            if len(answers) >= wanted:
                asker.settimeout(0.1)


@pytest.mark.parametrize("to", ["127.0.0.1", GROUP])
def test_every_device_answers_once_from_the_port_it_was_asked_at(to):
    specs = uniform_scenario(1, 5, 0)
    answers = heard(specs, to, wanted=5)
    assert len(answers) == 5
    for text, source, port in answers:
        assert source == ("127.0.0.1", port)
        assert re.search("<wsdd:XAddrs>http://127.0.0.1:[0-9]+/onvif/device_service<", text)


def test_a_device_may_answer_twice_and_from_another_port():
    spec = camera(discovery=Discovery.TWICE | Discovery.OTHER_PORT)
    answers = heard([spec], wanted=2)
    assert len(answers) == 2
    assert answers[0][0] == answers[1][0]
    assert all(source[1] != port for _, source, port in answers)


@pytest.mark.parametrize(
    ("manner", "answered"),
    [
        ("usual", {UNTYPED, DEVICE, TRANSMITTER}),
        ("only_device", {DEVICE}),
        ("only_transmitter", {TRANSMITTER}),
        ("only_untyped", {UNTYPED}),
        ("silent", set()),
    ],
)
def test_a_device_answers_the_probes_that_it_knows(manner, answered):
    device = Device(camera(discovery=Discovery(manner)))
    device.ports = {"onvif": 80}
    kinds = (UNTYPED, DEVICE, TRANSMITTER, frozenset({"Printer"}))
    assert {kind for kind in kinds if answer_to(device, "1", kind)} == answered


@pytest.mark.parametrize(("manner", "space"), [("usual", "%20"), ("raw_space", " ")])
def test_a_scope_is_encoded_or_holds_a_raw_space(manner, space):
    device = Device(camera(discovery=Discovery(manner), name="A & B", path="/a b"))
    device.ports = {"onvif": 80}
    text = (answer_to(device, "1", DEVICE) or b"").decode()
    name = re.search(r"onvif\.org/name/(.*?) onvif:", text)[1]
    assert space in name
    assert unquote(name) == "TP-Link A & B"
    assert "http://127.0.0.1:80/a%20b<" in text


def test_a_device_that_is_away_does_not_answer():
    alive, dead, off = uniform_scenario(1, 3, 0)
    specs = [alive, replace(dead, character=Character.DEAD), replace(off, flapping=1e12, seed="0")]
    assert not Device(specs[2]).there(1.8e9)
    answers = heard(specs)
    assert [endpoint_of(Device(alive)) in text for text, _, _ in answers] == [True]


def test_a_fleet_runs_where_discovery_cannot(tmp_path):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with fleet_in_thread([camera()], discovery_port=port) as fleet:
            problem = fleet._fleet.discovery.problem
    assert problem == f"No WS-Discovery on port {port}: Address already in use."


def test_the_driver_finds_five_hundred_devices_in_one_search():
    specs = [
        replace(spec, discovery=manner)
        for spec, manner in zip(
            uniform_scenario(1, 500, 0), 50 * [*(Discovery(n) for n in (
                "usual", "twice", "only_device", "only_transmitter", "only_untyped", "other_port",
                "raw_space", "usual", "usual", "silent"))], strict=True)
    ]  # fmt: skip
    with fleet_in_thread(specs, discovery_port=0) as fleet:
        found = asyncio.run(
            probe(
                interface="127.0.0.1",
                within=[ipaddress.ip_network("127.0.0.0/8")],
                port=fleet.discovery_port or 0,
                seconds=2.5,
            )
        )
        there = {fleet.address(s.serial) for s in specs if s.discovery is not Discovery.SILENT}
    assert {(device.host, device.port) for device in found} == there
    assert Counter(device.name for device in found)["TP-Link Camera 00001"] == 1
