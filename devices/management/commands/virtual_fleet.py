"""``manage.py virtual_fleet``: run the virtual fleet until it is stopped."""

import asyncio
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from devices.virtual import DeviceSpec, demo_scenario, uniform_scenario
from devices.virtual.control import serve
from devices.virtual.host import CannotListen
from devices.virtual.layout import PORT_BASE
from devices.virtual.memory import MemoryUnreadable
from devices.virtual.scenario_file import ScenarioWrong, read


class Command(BaseCommand):
    help = "Run virtual cameras and recorders on loopback until SIGTERM or Ctrl-C."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--scenario",
            type=Path,
            help="TOML file of a fleet, or one that comes with Rekey: bad_devices, demo, large",
        )
        parser.add_argument(
            "--size",
            "--count",
            type=int,
            help="how many devices the scenario draws; without one, so many honest cameras",
        )
        parser.add_argument("--seed", type=int, help="the same seed, the same fleet")
        parser.add_argument("--port-base", type=int, help=f"the first device's, else {PORT_BASE}")
        parser.add_argument("--control-port", type=int, default=17999)
        parser.add_argument("--memory", type=Path, help="file that keeps the devices' accounts")
        parser.add_argument(
            "--discovery-port", type=int, default=3702, help="WS-Discovery's; 0: none"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            asyncio.run(
                serve(
                    _specs(**options),
                    control_port=options["control_port"],
                    memory=options["memory"],
                    say=self._say,
                    discovery_port=options["discovery_port"] or None,
                )
            )
        except (CannotListen, MemoryUnreadable, ScenarioWrong) as error:
            raise CommandError(str(error)) from error

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()


def _specs(
    scenario: Path | None,
    size: int | None,
    seed: int | None,
    port_base: int | None,
    **others: Any,
) -> list[DeviceSpec]:
    if scenario is not None:
        return read(scenario, size=size, seed=seed, port_base=port_base)
    seed, base = 1 if seed is None else seed, PORT_BASE if port_base is None else port_base
    return demo_scenario(seed, base) if size is None else uniform_scenario(seed, size, base)
