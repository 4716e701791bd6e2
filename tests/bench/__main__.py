"""`python -m tests.bench`, or with the names of rows; `--rounds N`. A campaign takes minutes, and
only runs when it is named: `campaign --devices 1000 3000 --at-once 20 --kinds rotation`.
"""

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
    "readiness",
    "live",
)
LONG_ROWS = ("campaign",)  # with workers of their own


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("rows", nargs="*", metavar="row", help=", ".join(ROWS + LONG_ROWS))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--devices", nargs="+", default=["1000"], help="sizes of campaigns")
    kinds = {"nargs": "+", "default": ["rotation", "reset"], "choices": ["rotation", "reset"]}
    parser.add_argument("--kinds", **kinds, help="of campaigns; a reset has codes by mail")
    parser.add_argument("--at-once", default="20", help="devices in work at one time")
    options = parser.parse_args()

    sys.path.insert(0, str(Path(__file__).parents[2]))
    from tests.services import free_port, postgres, valkey

    with tempfile.TemporaryDirectory() as var, postgres() as server, valkey() as broker:
        assert server.process
        os.environ |= {
            "REKEY_VAR": var,
            "DATABASE_URL": server.url,
            "REDIS_URL": broker.url,
            "REKEY_BENCH_POSTGRES": str(server.process.pid),
            "REKEY_BENCH_DEVICES": " ".join(options.devices),
            "REKEY_BENCH_KINDS": " ".join(options.kinds),
            "REKEY_BENCH_AT_ONCE": options.at_once,
            "SMTP_URL": f"smtp://127.0.0.1:{free_port()}",
            "DJANGO_SETTINGS_MODULE": "fleet.settings",
            "REKEY_LOG_LEVEL": "ERROR",
            "REKEY_LOCAL_DEVICES": "127.0.0.0/8",
            "REKEY_RESETS_AN_HOUR": "1000000",
            "REKEY_SWEEP_DEVICES_SECONDS": "86400",
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
