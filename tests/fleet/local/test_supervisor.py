"""The supervisor with small processes of the tests' own."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.local.processes import Process
from fleet.local.supervisor import StartFailed, Supervisor

READY = "import os, pathlib; pathlib.Path(os.environ['REKEY_READY_FILE']).touch()"
SLEEP = f"{READY}; import time; time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"
# A grandchild that would go on, and says where it is.
FAMILY = (
    "import subprocess, sys, pathlib;"
    "p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    f"pathlib.Path('grandchild').write_text(str(p.pid)); {SLEEP}"
)


def script(name: str, code: str, **values) -> Process:
    return Process(name, ("python", "-c", code), **values)


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def supervise(tmp_path: Path, said: list[str]):
    made = []

    def start(*processes: Process) -> Supervisor:
        supervisor = Supervisor(
            list(processes), folder=tmp_path, var=tmp_path, environment={}, say=said.append
        )
        made.append(supervisor)
        supervisor.start()
        return supervisor

    yield start
    for supervisor in made:
        supervisor.stop()


def gone(pid: int) -> bool:
    """Whether the process is no more; one that waits to be collected is no more either."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def eventually(condition: Callable[[], object], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return bool(condition())


def pid_of(supervisor: Supervisor, number: int = 0) -> int:
    return supervisor.children[number]._running.pid


def test_each_process_is_announced_when_it_is_ready(supervise, said):
    supervise(script("one", SLEEP, where="here"), script("two", SLEEP, where="there"))
    assert sorted(said) == ["one: ready, here", "two: ready, there"]


def test_what_dies_is_started_again_and_said(supervise, said):
    supervisor = supervise(script("one", SLEEP))
    first = pid_of(supervisor)
    os.kill(first, signal.SIGKILL)
    supervisor.watch(until=lambda: "one: ready again" in said)
    assert any("killed by SIGKILL; started again in 0.5 s" in line for line in said)
    assert pid_of(supervisor) != first


def test_each_death_in_a_row_waits_longer(supervise, said):
    supervisor = supervise(script("one", f"{READY}; import time; time.sleep(0.2)"))
    supervisor.watch(until=lambda: sum("started again" in line for line in said) == 3)
    pauses = [line.split(" in ")[1].split(",")[0] for line in said if "started again" in line]
    assert pauses == ["0.5 s", "1 s", "2 s"]


def test_grandchildren_of_a_killed_process_are_cleared_away(supervise, said, tmp_path):
    supervisor = supervise(script("one", FAMILY))
    grandchild = int((tmp_path / "grandchild").read_text())
    os.kill(pid_of(supervisor), signal.SIGKILL)
    supervisor.watch(until=lambda: any("started again" in line for line in said))
    assert eventually(lambda: gone(grandchild))


def test_a_process_that_never_becomes_ready_ends_the_start_with_its_last_words(supervise):
    with pytest.raises(StartFailed, match="no such table: cameras"):
        supervise(script("one", "raise SystemExit('no such table: cameras')"))


def test_all_are_stopped_last_started_first(supervise, said):
    supervisor = supervise(script("one", SLEEP), script("two", SLEEP), script("three", SLEEP))
    pids = [pid_of(supervisor, number) for number in range(3)]
    supervisor.stop()
    assert said[-3:] == ["three: stopped", "two: stopped", "one: stopped"]
    assert all(gone(pid) for pid in pids)


def test_one_that_does_not_stop_is_killed(supervise, said):
    supervisor = supervise(script("one", STUBBORN, stop_seconds=0.3))
    pid = pid_of(supervisor)
    supervisor.stop()
    assert said[-1] == "one: did not stop in time and was killed"
    assert gone(pid)


def test_watching_ends_when_it_is_told_to(supervise):
    supervisor = supervise(script("one", SLEEP))
    threading.Timer(0.1, supervisor.stopping.set).start()
    supervisor.watch()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's help exists on Linux only")
def test_children_do_not_outlive_a_killed_supervisor(tmp_path):
    code = (
        "from pathlib import Path\n"
        "from fleet.local.processes import Process\n"
        "from fleet.local.supervisor import Supervisor\n"
        f"one = Process('one', ('python', '-c', {SLEEP!r}))\n"
        f"s = Supervisor([one], folder=Path('.'), var=Path({str(tmp_path)!r}), environment={{}},"
        " say=print)\n"
        "s.start()\n"
        "print(s.children[0]._running.pid, flush=True)\n"
        "s.watch()\n"
    )
    root = Path(__file__).parents[3]
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=root)
    parent.stdout.readline()  # one: ready
    child = int(parent.stdout.readline())
    assert not gone(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert eventually(lambda: gone(child))


def test_a_log_that_has_grown_large_makes_room(supervise, tmp_path):
    (tmp_path / "log").mkdir()
    log = tmp_path / "log" / "one.log"
    log.write_bytes(b"x" * (10 * 1024 * 1024 + 1))
    supervise(script("one", SLEEP))
    assert log.stat().st_size == 0
    assert (tmp_path / "log" / "one.log.1").stat().st_size > 10 * 1024 * 1024
