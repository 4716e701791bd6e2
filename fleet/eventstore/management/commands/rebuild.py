"""Draw the read models again from the log."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from fleet.eventstore import projections


class Command(BaseCommand):
    help = "Throws every read-model row away and draws it again from the log."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--check", action="store_true", help="only compare; change nothing; exit 1 if unequal"
        )

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        if not check:
            self.stdout.write(f"{projections.rebuild()} rows drawn again from the log")
            return
        wrong = 0
        for difference in projections.differences():
            wrong += 1
            self.stdout.write(f"{difference.table} {difference.id} {difference.what}")
        if wrong:
            raise CommandError(f"{wrong} rows are not what the log says. Run: manage.py rebuild")
        self.stdout.write("every row is what the log says")
