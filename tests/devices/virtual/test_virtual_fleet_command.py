"""``manage.py virtual_fleet`` as a process of its own."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devices.drivers import Address, Login, driver
from devices.virtual import uniform_scenario
from tests.devices.drivers.made_up import password

ROOT = Path(__file__).parents[3]


def command(tmp_path: Path, port: int, control: int) -> list[str]:
    return [
        *(sys.executable, "manage.py", "virtual_fleet", "--size", "1", "--seed", "7"),
        *("--discovery-port", "0"),
        *("--port-base", str(port), "--control-port", str(control)),
        *("--memory", str(tmp_path / "flash.jsonl")),
    ]


@contextmanager
def running(tmp_path: Path, *ports: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command as a process, and the line that it says when it is ready."""
    environment = {**os.environ, "REKEY_VAR": str(tmp_path / "var")}
    with subprocess.Popen(
        command(tmp_path, *ports), cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline()
        finally:
            process.kill()


@pytest.fixture
def ports() -> tuple[int, int]:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("", 0)) as two:
        return one.getsockname()[1], two.getsockname()[1]


def test_the_command_says_when_it_is_ready_and_stops_when_told(tmp_path, ports):
    with running(tmp_path, *ports) as (process, line):
        assert line == (
            f"Virtual fleet ready: 1 device on 127.0.0.1, ports {ports[0]} to {ports[0]}; "
            f"control on port {ports[1]}.\n"
        )
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""


def test_a_killed_fleet_comes_back_with_the_passwords_last_set(tmp_path, ports):
    spec, new = uniform_scenario(7, 1, ports[0])[0], Login("admin", password())
    onvif = driver("onvif", Address("127.0.0.1", ports[0]), 5)
    with running(tmp_path, *ports) as (process, _):
        asyncio.run(onvif.set_password(Login("admin", spec.password), "admin", new.password))
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    lines = (tmp_path / "flash.jsonl").read_text().splitlines()
    assert [json.loads(line).get("serial") for line in lines] == [None, spec.serial]
    with running(tmp_path, *ports) as (process, _):
        assert asyncio.run(onvif.check(new))
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_a_taken_port_is_said_in_one_sentence(tmp_path, ports):
    with socket.create_server(("127.0.0.1", ports[1])):
        ended = subprocess.run(
            command(tmp_path, *ports), cwd=ROOT, capture_output=True, text=True, timeout=30,
            env={**os.environ, "REKEY_VAR": str(tmp_path / "var")},
        )  # fmt: skip
    assert ended.returncode != 0
    assert f"Port {ports[1]} of 127.0.0.1 is taken." in ended.stderr
    assert "Traceback" not in ended.stderr
