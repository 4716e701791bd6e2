"""``manage.py demo``: fill an empty Rekey with the virtual fleet, and say how to sign in."""

from __future__ import annotations

import logging
import time
from argparse import ArgumentParser
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from devices import demo
from devices.virtual import DeviceSpec, default_scenario
from fleet.local import ports


class Command(BaseCommand):
    help = "Fill Rekey with the virtual fleet, and say how to sign in. Running it again is safe."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=1, help="the virtual fleet's")
        parser.add_argument(
            "--control-port", type=int, default=ports.CONTROL.number, help="the virtual fleet's"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        for talker in ("django_structlog", "kombu"):  # people read this output
            logging.getLogger(talker).setLevel(logging.ERROR)
        specs = default_scenario(options["seed"])
        keys = demo.Keys.read(settings.VAR / "demo.json")
        try:
            self._prepare(keys, specs, demo.BackDoor(options["control_port"]))
        except demo.DemoFailed as error:
            raise CommandError(str(error)) from error
        self._say_how_to_sign_in(keys, specs)

    def _prepare(self, keys: demo.Keys, specs: list[DeviceSpec], world: demo.World) -> None:
        demo.set_up(keys, world, specs)
        pause = partial(time.sleep, 0.2)
        self._say(f"demo: {len(specs)} devices are added; the workers take them in")
        left = demo.wait_until_taken_in(specs, pause)
        if len(left) == len(specs):
            self._say("demo: no worker runs. Start one with: celery -A fleet worker")
            self._say("demo: the devices are taken in as soon as it does; run this again then")
        elif left:
            self._say(f"demo: not taken in yet: {', '.join(left)}")
        if demo.LOST not in left:
            demo.lose_a_password(world, specs, pause)

    def _say_how_to_sign_in(self, keys: demo.Keys, specs: list[DeviceSpec]) -> None:
        url = settings.REKEY_URL
        self._say("")
        self._say(f"Rekey   {url}")
        self._say(f"Inbox   http://{ports.LOOPBACK}:{ports.INBOX.number}")
        self._say("")
        for part in demo.PEOPLE:
            who = f"{part.name} is {part.role.title()} {part.where}"
            self._say(f"{part.email:<20}{keys.passwords[part.email]:<20}{who}")
        self._say("")
        self._say(f"export REKEY_TOKEN={keys.token}")
        self._say(f'curl -s -H "Authorization: Bearer $REKEY_TOKEN" {url}/api/v1/devices/')
        if demo.is_lost(specs):
            self._say("")
            self._say(f"Not certified: {demo.LOST}. Its password was changed behind Rekey's back.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()
