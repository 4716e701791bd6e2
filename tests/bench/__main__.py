"""`python -m tests.bench`, or with the names of rows; `--rounds N`."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from importlib import import_module
from pathlib import Path

ROWS = (
    "step",
    "step8",
    "batch",
    "replay",
    "chain",
    "list",
    "discovery",
    "adding",
    "imports",
    "sweep",
    "limits",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("rows", nargs="*", metavar="row", help=", ".join(ROWS))
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()

    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests.services import postgres

    with tempfile.TemporaryDirectory() as var, postgres() as server:
        os.environ |= {
            "REKEY_VAR": var,
            "DATABASE_URL": server.url,
            "DJANGO_SETTINGS_MODULE": "fleet.settings",
            "REKEY_LOG_LEVEL": "ERROR",
            "REKEY_LOCAL_DEVICES": "127.0.0.0/8",
            "REKEY_RESETS_AN_HOUR": "1000000",
        }
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        for row in options.rows or ROWS:
            import_module(f"tests.bench.{row}").run(options.rounds)
        connection.close()


main()
