"""How many files, and so connections, this process may hold open."""

from __future__ import annotations

import resource
from contextlib import suppress


def as_many_as_may_be() -> None:
    """Many systems let a process begin with 1,024 of them, but raise that by itself so far."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
