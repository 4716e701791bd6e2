"""A worker may hold a connection to each device of a sweep, whatever the system begins with."""

from __future__ import annotations

import subprocess
import sys

TELL = """
import resource
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (256, most))
from celery import signals
import fleet.celery
signals.worker_init.send(sender=None)
now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
print(now == most)
"""


def test_a_worker_opens_as_many_files_as_it_may() -> None:
    told = subprocess.run([sys.executable, "-c", TELL], capture_output=True, text=True, check=True)
    assert told.stdout == "True\n"
