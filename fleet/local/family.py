"""Processes that do not outlive the one that started them, even when that one is killed."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
# Loaded here, not in die_with_parent: nothing may be loaded between fork and exec.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with_parent(parent: int = 0) -> None:
    """Have the kernel kill this process when the thread that started it ends (Linux only).

    Called in the child: by `preexec_fn`, or first thing after a fork. `parent`, where known, is
    the process id that must still be there, else this process ends at once. It is the *thread*
    that counts: start such children from one that lives as long as they should. Elsewhere than on
    Linux this does nothing, and the children of a killed process have to be ended by hand.
    """
    if _libc is None:
        return
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent and os.getppid() != parent:
        os._exit(1)
