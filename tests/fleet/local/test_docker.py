"""docker/ cannot be run everywhere; what it would run is what `up` runs here."""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import yaml

from fleet.local import healthy, processes
from fleet.local.management.commands.up import _processes

ROOT = Path(__file__).parents[3]
COMPOSE = ROOT / "docker" / "compose.yaml"
SERVICES = yaml.safe_load(COMPOSE.read_text())["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "rekey"}
ANYWHERE = "0.0.0.0"


@pytest.mark.parametrize(
    ("service", "process"),
    [
        ("web", processes.web(host=ANYWHERE)),
        ("worker", processes.worker()),
        ("beat", processes.beat()),
        ("mail-sink", processes.mail_sink(host=ANYWHERE)),
    ],
)
def test_a_container_runs_the_command_that_up_runs(service, process):
    assert SERVICES[service]["command"] == list(process.command)


def test_no_process_of_up_is_forgotten():
    kinds = {process.kind or process.name for process in _processes(2, virtual_fleet=False)}
    assert kinds | {"migrate"} == set(OURS)


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_locked_down(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert "healthcheck" in service or name == "migrate"


def test_the_image_runs_as_an_ordinary_user_and_needs_no_compiler():
    text = (ROOT / "docker" / "Dockerfile").read_text()
    assert re.findall(r"^USER (.+)$", text, re.MULTILINE) == ["10001:10001"]
    assert "apt-get" not in text
    assert "--only-binary :all:" in text


def test_every_setting_can_be_given_to_a_container():
    elsewhere = {"REKEY_VAR", "REKEY_LOCAL_DEVICES"}  # the image's own; this machine's devices
    assert _read_by_settings() - set(SERVICES["web"]["environment"]) == elsewhere


def test_every_setting_stands_in_the_list_of_them():
    listed = (ROOT / "fleet" / "settings.py").read_text().split('"""')[1]
    assert [name for name in _read_by_settings() if name not in listed.replace("…", "REKEY")] == []


def _read_by_settings():
    text = (ROOT / "fleet" / "settings.py").read_text()
    return set(re.findall(r'(?:env(?:\.\w+)?|keys_of)\(\s*"([A-Z_]+)"', text))


def test_no_secret_is_written_down():
    for name, value in SERVICES["web"]["environment"].items():
        if name.endswith("_KEY"):
            assert value.startswith("${" + name + ":?")
    assert SERVICES["mail-sink"]["environment"] == {}


def test_everything_the_image_copies_is_let_through():
    text = (ROOT / "docker" / "Dockerfile").read_text()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE):
        for source in line.split():
            assert f"!{source}" in ignored


def test_health_checks_ask_for_something_that_exists():
    for service in OURS.values():
        test = service.get("healthcheck", {}).get("test", [])
        if "fleet.local.healthy" in test:
            assert test[-1] in healthy.CHECKS


def test_beat_is_healthy_while_it_writes_its_schedule(tmp_path, monkeypatch):
    monkeypatch.setenv("REKEY_VAR", str(tmp_path))
    assert not healthy.CHECKS["beat"]()
    schedule = tmp_path / "beat.dat"
    schedule.touch()
    assert healthy.CHECKS["beat"]()
    os.utime(schedule, (time.time() - 3600,) * 2)
    assert not healthy.CHECKS["beat"]()


def test_docker_compose_understands_the_file():
    if not shutil.which("docker"):
        pytest.skip("there is no docker client here")
    if subprocess.run(["docker", "compose", "version"], capture_output=True).returncode:
        pytest.skip("the docker client here has no compose")
    keys = ("POSTGRES_PASSWORD", "REKEY_SECRET_KEY", "REKEY_CODE_KEY", "REKEY_VAULT_KEY")
    done = subprocess.run(
        ["docker", "compose", "-f", str(COMPOSE), "config", "--format", "json"],
        env=os.environ | dict.fromkeys(keys, "x"),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout)["services"]) == set(SERVICES)
