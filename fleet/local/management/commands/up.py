"""All of Rekey on this machine, in one command."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess  # nosec B404
import sys
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management import call_command, get_commands
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from fleet.local import ports, processes
from fleet.local.family import die_with_parent
from fleet.local.processes import Process
from fleet.local.supervisor import StartFailed, Supervisor

LOOPBACK_NETWORK = "127.0.0.0/8"  # where the virtual fleet is


class Command(BaseCommand):
    help = "Run all of Rekey on this machine: web server, workers, mail sink, virtual fleet."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--workers", type=int, default=2, metavar="N", help="default: 2")
        parser.add_argument(
            "--no-virtual-fleet", action="store_true", help="no virtual devices, and no demo"
        )
        parser.add_argument("--no-demo", action="store_true", help="start with what is there")

    def handle(self, *_: Any, **options: Any) -> None:
        if options["workers"] < 1:
            raise CommandError("--workers needs at least 1; without one, no job is ever done.")
        wanted = _processes(options["workers"], not options["no_virtual_fleet"])
        stopping = threading.Event()
        for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if name != signal.SIGHUP or signal.getsignal(name) != signal.SIG_IGN:  # nohup
                signal.signal(name, lambda *_: stopping.set())
        with self._only_one():
            for port in (port for process in wanted for port in process.listens):
                if port.is_taken():
                    raise CommandError(port.taken())
            call_command("migrate", verbosity=0)
            connections.close_all()
            self._say("database: ready")
            virtual_fleet = not options["no_virtual_fleet"]
            demo = virtual_fleet and not options["no_demo"]
            self._run(wanted, stopping, _environment(virtual_fleet), demo=demo)

    def _run(
        self,
        wanted: list[Process],
        stopping: threading.Event,
        environment: dict[str, str],
        *,
        demo: bool,
    ) -> None:
        supervisor = Supervisor(
            wanted,
            folder=settings.BASE_DIR,
            var=settings.VAR,
            environment=environment,
            say=self._say,
            stopping=stopping,
        )
        try:
            supervisor.start()
            if demo and not stopping.is_set():
                self._demo(supervisor, environment)
            if not stopping.is_set():
                self._say(f"Rekey runs at {environment['REKEY_URL']} (Ctrl-C stops it)")
            supervisor.watch()
        except StartFailed as error:
            raise CommandError(str(error)) from error
        finally:
            self._say("stopping")
            supervisor.stop()

    def _demo(self, supervisor: Supervisor, environment: dict[str, str]) -> None:
        """Run the demo command, which says itself how to sign in."""
        if "demo" not in get_commands():
            self._say("demo: left out, there is no demo command")
            return
        running = subprocess.Popen(  # nosec B603
            [sys.executable, "manage.py", "demo"],
            cwd=settings.BASE_DIR, env=environment, stdin=subprocess.DEVNULL,
            preexec_fn=partial(die_with_parent, os.getpid()),
        )  # fmt: skip
        supervisor.watch(until=lambda: running.poll() is not None)
        if running.poll() is None:
            running.terminate()
        if running.wait() and not supervisor.stopping.is_set():
            self._say("demo: failed, see above; everything else runs")

    @contextlib.contextmanager
    def _only_one(self) -> Iterator[None]:
        """Hold the lock of this REKEY_VAR; the kernel lets go of it however this process ends."""
        path = settings.VAR / "up.lock"
        with open(path, "a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                lock.seek(0)
                raise CommandError(
                    f"Rekey runs already, as process {lock.read().strip() or 'unknown'}."
                    " Stop that one, or set REKEY_VAR to another folder and run a second one there."
                ) from error
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            yield

    def _say(self, line: str) -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone; stopping must go on
            self.stdout.write(line)
            self.stdout.flush()


def _processes(workers: int, virtual_fleet: bool) -> list[Process]:
    wanted = []
    if "SMTP_URL" not in os.environ:
        wanted.append(processes.mail_sink())
    if virtual_fleet:
        wanted.append(processes.virtual_fleet(settings.VAR / "virtual_fleet.jsonl"))
    names = [f"worker-{number}" for number in range(1, workers + 1)]
    return [*wanted, processes.web(), *map(processes.worker, names), processes.beat()]


def _environment(virtual_fleet: bool) -> dict[str, str]:
    """What the children get: ours, with the addresses that follow from the ports."""
    return {
        "REKEY_URL": f"http://{ports.LOOPBACK}:{ports.WEB.number}",
        "SMTP_URL": f"smtp://{ports.LOOPBACK}:{ports.SMTP.number}",
        **({"REKEY_LOCAL_DEVICES": LOOPBACK_NETWORK} if virtual_fleet else {}),
        **os.environ,
        "REKEY_VAR": str(settings.VAR),
        "PYTHONUNBUFFERED": "1",
    }
