"""Processes that are killed while they bring a store up to date, each at another statement.

`python -m tests.support.migrating STATE FIRST STEP` kills one at the statement FIRST that writes, one at
FIRST + STEP, and so on, until one comes to its end. It prints how many were killed.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from hotfolder.jobs.database import open_store

READS = ("SELECT", "PRAGMA TABLE", "PRAGMA MAIN", "PRAGMA INDEX", "PRAGMA FOREIGN")


def kill_at(number: int) -> None:
    """End this process before its statement of that number that writes, as a power cut would."""
    left = number

    @event.listens_for(Engine, "before_cursor_execute")
    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal left
        left -= not statement.strip().upper().startswith(READS)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def main(state: Path, first: int, step: int) -> int:
    for killed in range(1000):
        child = os.fork()
        if child == 0:
            kill_at(first + killed * step)
            open_store(state).dispose()
            os._exit(0)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == 0:
            print(killed)
            return 0
        if code != -signal.SIGKILL:
            return 1
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
