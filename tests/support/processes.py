"""Other processes, by Linux's process table."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path


def children_of(process: int) -> list[int]:
    """The living children of all its threads."""
    found: list[int] = []
    for task in Path(f"/proc/{process}/task").iterdir():
        with suppress(FileNotFoundError):  # a thread that has just ended
            found += map(int, (task / "children").read_text().split())
    return found


def gone(process: int, within_seconds: float = 60.0) -> bool:
    """Whether it ends in that time; a zombie has ended."""
    end = time.monotonic() + within_seconds
    while True:
        try:
            state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z" or time.monotonic() > end:
            return state == "Z"
        time.sleep(0.02)
