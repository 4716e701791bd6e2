"""``manage.py found_organisation``: the first thing that is done in an empty Rekey."""

from __future__ import annotations

import logging
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from fleet.accounts.people import found
from fleet.errors import RekeyError
from fleet.eventstore.messages import Actor, By

SETUP = By(Actor.job("found the organisation"), "manage.py found_organisation")


class Command(BaseCommand):
    help = "Found an organisation, and make somebody its first administrator, who adds the others."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("organisation", help="what people call it")
        parser.add_argument("email", help="of its first administrator, who signs in with it")
        parser.add_argument("name", nargs="?", default="", help="of somebody who is new here")

    def handle(self, *_: Any, organisation: str, email: str, name: str, **options: Any) -> None:
        logging.getLogger("django_structlog").setLevel(logging.ERROR)  # people read this output
        try:
            person, password = found(organisation, email, name, SETUP)
        except RekeyError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{organisation} is founded; {person.name} is its administrator.")
        self.stdout.write(f"Sign in at {settings.REKEY_URL} as {person.email}")
        if password:
            self.stdout.write(f"with the password {password}")
            self.stdout.write("It is shown this once. Change it once you are in.")
