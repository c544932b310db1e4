"""Child processes that are not to outlive their parent."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with(parent_id: int, number: int = signal.SIGKILL) -> None:
    """Have this process get the signal once its parent is gone; end now if it is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent_id:  # it died before the line above
        os._exit(0)
