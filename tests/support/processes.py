"""Other processes, by Linux's process table, and how to run one with fewer rights."""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest

WITHOUT_RIGHTS = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
"""Root without the capabilities that bypass permissions: another user may be unable to run this
interpreter."""
needs_rights_taken = pytest.mark.skipif(
    os.geteuid() != 0 or subprocess.call([*WITHOUT_RIGHTS, "true"]) != 0, reason="needs root and setpriv"
)


def children_of(process: int) -> list[int]:
    """The living children of all its threads."""
    found: list[int] = []
    for task in Path(f"/proc/{process}/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has just ended
            found += map(int, (task / "children").read_text().split())
    return found


def gone(process: int, call_within: float = 60.0) -> bool:
    """Whether it ends in that time; a zombie has ended."""
    end = time.monotonic() + call_within
    while True:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z" or time.monotonic() > end:
            return state == "Z"
        time.sleep(0.02)
