"""`manage.py up` as people run it: real processes, killed at will."""

import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.services import free_port

pytestmark = [
    pytest.mark.fault,
    pytest.mark.one_database("sqlite"),  # tests/faults start, kill and stop `up` on both
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks into /proc"),
]
ROOT = Path(__file__).parents[3]
SECONDS = 90


class Up:
    """One running `manage.py up`, and what it says."""

    def __init__(self, environment: dict[str, str], *options: str) -> None:
        self.environment = environment
        self.said: list[str] = []
        self._lines: queue.Queue[str] = queue.Queue()
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", *options],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._lines.put(line.strip())
        self.process.stdout.close()

    def says(self, words: str) -> str:
        """The next line with `words` in it."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            try:
                line = self._lines.get(timeout=0.2)
            except queue.Empty:
                if self.process.poll() is not None:
                    break
                continue
            self.said.append(line)
            if words in line:
                return line
        raise AssertionError(f"{words!r} was not said, but:\n" + "\n".join(self.said))

    def pid(self, words: str) -> int:
        """The one child of `up` whose command has `words` in it."""
        (found,) = [
            pid
            for pid in living(self.environment["REKEY_VAR"])
            if words in command(pid) and parent(pid) == self.process.pid
        ]
        return found


def living(var: str) -> set[int]:
    """Every process that works for the Rekey in `var`, whoever its parent is by now."""
    found = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            if f"REKEY_VAR={var}\0".encode() in (entry / "environ").read_bytes():
                found.add(int(entry.name))
        except OSError:  # gone meanwhile, or not ours to see
            continue
    return found


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except OSError:
        return 0


def nobody_works_for(var: str) -> bool:
    deadline = time.monotonic() + 10
    while living(var) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not living(var)


@pytest.fixture
def own(environment) -> Iterator[dict[str, str]]:
    """An environment with ports of its own; whatever is left in it at the end is killed."""
    names = ("REKEY_WEB_PORT", "REKEY_SMTP_PORT", "REKEY_INBOX_PORT")
    own = environment | {name: str(free_port()) for name in names}
    yield own
    for pid in living(own["REKEY_VAR"]):
        os.kill(pid, signal.SIGKILL)


def test_up_survives_what_is_killed_and_leaves_nothing_behind(own):
    var = own["REKEY_VAR"]
    up = Up(own, "--no-virtual-fleet")
    address = f"http://127.0.0.1:{own['REKEY_WEB_PORT']}"
    assert address in up.says("Rekey runs at")
    announced = {line.split(":")[0] for line in up.said if ": ready" in line}
    assert announced == {"database", "mail-sink", "web", "worker-1", "worker-2", "beat"}
    with urllib.request.urlopen(address + "/", timeout=10) as page:
        assert page.status == 200

    # A second one is sent away, and the first does not mind.
    second = subprocess.run(
        [sys.executable, "manage.py", "up"], cwd=ROOT, env=own, capture_output=True, text=True
    )
    assert second.returncode == 1
    assert f"Rekey runs already, as process {up.process.pid}" in second.stderr

    # A worker is one process, so that kill -9 leaves nothing of it; and a new one comes.
    worker = up.pid("worker-1@")
    assert not {pid for pid in living(var) if parent(pid) == worker}
    os.kill(worker, signal.SIGKILL)
    up.says("worker-1: ready again")
    assert up.pid("worker-1@") != worker

    # kill -9 of the web server: nobody of its family keeps the port.
    os.kill(up.pid("granian"), signal.SIGKILL)
    up.says("web: ready again")

    # kill -9 of the supervisor itself takes everything along, and the next one goes on.
    up.process.kill()
    up.process.wait()
    assert nobody_works_for(var)
    up = Up(own, "--no-virtual-fleet", "--workers", "1")
    up.says("Rekey runs at")
    up.process.terminate()
    up.says("mail-sink: stopped")
    assert up.process.wait(30) == 0
    assert nobody_works_for(var)
    stopped = [line.split(":")[0] for line in up.said if line.endswith(": stopped")]
    assert stopped == ["beat", "worker-1", "web", "mail-sink"]


def test_ctrl_c_while_it_starts_stops_what_was_started(own):
    up = Up(own, "--no-virtual-fleet")
    up.says(": ready")
    up.process.send_signal(signal.SIGINT)
    up.says("mail-sink: stopped")
    assert up.process.wait(30) == 0
    assert nobody_works_for(own["REKEY_VAR"])


def test_a_taken_port_is_named_with_the_variable_that_moves_it(own):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        own["REKEY_INBOX_PORT"] = str(port)
        up = Up(own, "--no-virtual-fleet")
        line = up.says("is taken by another program")
        assert f"Port {port} for the mail sink's inbox" in line
        assert "REKEY_INBOX_PORT" in line
        assert up.process.wait(10) == 1
