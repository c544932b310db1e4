"""Child processes that must not outlive their parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent_id: int, number: int = signal.SIGKILL) -> None:
    """Have the kernel send this process the signal `number` when its parent ends (on Linux only), and exit
    now if the parent has ended already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent_id:  # the parent ended before the line above
        os._exit(0)
