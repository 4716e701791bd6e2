"""The vault's master keys: see how they stand, put another one into use, take an old one away.

    manage.py vault status
    manage.py vault rotate --new-key    keys in a file: add one, wrap every data key with it
    manage.py vault rotate              wrap every data key with the newest that there is
    manage.py vault retire KEY-ID       take a key away that no row is under

While everything runs. Keys in a file on several machines: give each the new line first, as the
second one, then move it to the top everywhere, then rotate. Keys in the environment: the same, and
start every process again after each of the two changes. A command is asked again by itself.
"""

from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.timesince import timesince

from devices.vault import rotation as vault_rotation
from devices.vault.rotation import KeyUse
from fleet.errors import RekeyError
from fleet.secrets import UnsuitableKey


class Command(BaseCommand):
    help = "How the vault's master keys stand; another key; an old one taken away."

    def add_arguments(self, parser: CommandParser) -> None:
        what = parser.add_subparsers(dest="what", required=True)
        what.add_parser("status", help="try every row; exit 1 if one does not open")
        rotate = what.add_parser("rotate", help="wrap every data key with the newest master key")
        rotate.add_argument("--new-key", action="store_true", help="first add one to the file")
        rotate.add_argument(
            "--leave-closed", action="store_true", help="leave rows as they are that do not open"
        )
        retire = what.add_parser("retire", help="take a key away that no row is under")
        retire.add_argument("key", metavar="KEY-ID")

    def handle(self, *args: Any, what: str, **options: Any) -> None:
        try:
            if what == "status":
                self._status()
            elif what == "rotate":
                self._rotate(options["new_key"], options["leave_closed"])
            else:
                self.stdout.write(vault_rotation.retire(options["key"]))
        except (RekeyError, UnsuitableKey) as error:
            raise CommandError(str(error)) from None

    def _status(self) -> None:
        status = vault_rotation.status()
        for key in status.keys:
            self.stdout.write(f"{key.id}  {_standing(key)}, {_rows(key)}")
        closed = status.closed.total()
        self.stdout.write(f"{status.rows} rows, {closed} of them cannot be opened")
        for key_id, rows in sorted(status.closed.items()):
            known = any(key.id == key_id and key.known for key in status.keys)
            why = "altered, or belong elsewhere" if known else "their key is not on the ring"
            self.stdout.write(f"  {rows} under {key_id}: {why}")
        if closed:
            raise CommandError("Put the missing key back, or restore the rows from a backup.")

    def _rotate(self, new_key: bool, leave_closed: bool) -> None:
        told_at = time.monotonic()

        def told(done: int, total: int) -> None:
            nonlocal told_at
            if time.monotonic() >= told_at:
                self.stdout.write(f"{done} of {total}")
                told_at = time.monotonic() + 1

        rotated = vault_rotation.rotate(told, new_key=new_key, leave_closed=leave_closed)
        self.stdout.write(f"{rotated.rows} rows wrapped anew; all are under {rotated.key.id}")
        if rotated.left:
            self.stdout.write(f"{rotated.left} rows do not open, and are as they were")
        for key_id in rotated.spare:
            self.stdout.write(
                f"No row is under {key_id} any more. Backups of the database from before are: keep"
                f" it with them. To take it away here: manage.py vault retire {key_id}"
            )


def _standing(key: KeyUse) -> str:
    if key.place is None:
        return "NOT ON THE RING"
    standing = "seals" if key.place == 0 else "opens"
    if key.made is None:
        return f"{standing}, age unknown"
    return f"{standing}, made {key.made:%Y-%m-%d} ({timesince(key.made, timezone.now())} ago)"


def _rows(key: KeyUse) -> str:
    if not key.rows:
        return "no rows"
    return f"{key.rows} rows from {key.first:%Y-%m-%d} to {key.last:%Y-%m-%d}"
