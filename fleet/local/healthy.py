"""Health checks for containers: `python -m fleet.local.healthy web` ends with 0 or 1."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from fleet.local import processes

OLDEST_SCHEDULE = 600  # seconds; beat writes its schedule down every 180


def _beat() -> bool:
    files = Path(os.environ["REKEY_VAR"]).glob("beat*")
    return any(time.time() - file.stat().st_mtime < OLDEST_SCHEDULE for file in files)


CHECKS: dict[str, Callable[[], bool]] = {
    "web": lambda: bool((answers := processes.web().answers) and answers()),
    "mail-sink": lambda: bool((answers := processes.mail_sink().answers) and answers()),
    "beat": _beat,
}

if __name__ == "__main__":
    sys.exit(0 if CHECKS[sys.argv[1]]() else 1)
