"""``manage.py virtual_fleet``: run the virtual fleet until it is stopped."""

import asyncio
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from devices.virtual.control import serve
from devices.virtual.scenario import PORT_BASE, default_scenario, uniform_scenario
from devices.virtual.server import PortTaken


class Command(BaseCommand):
    help = "Run virtual cameras and recorders on loopback until SIGTERM or Ctrl-C."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port-base", type=int, default=PORT_BASE, help="the first device's")
        parser.add_argument("--control-port", type=int, default=17999)
        parser.add_argument("--seed", type=int, default=1, help="the same seed, the same fleet")
        parser.add_argument(
            "--memory", type=Path, help="JSON file that keeps the devices' accounts"
        )
        parser.add_argument(
            "--count", type=int, help="so many honest cameras instead of the demo's"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        seed, base, count = options["seed"], options["port_base"], options["count"]
        specs = uniform_scenario(seed, count, base) if count else default_scenario(seed, base)
        try:
            asyncio.run(
                serve(
                    specs,
                    control_port=options["control_port"],
                    memory=options["memory"],
                    ready=self._say,
                )
            )
        except PortTaken as error:
            raise CommandError(str(error)) from error

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
