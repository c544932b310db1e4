"""`hotfolder` with a wrong clock, with its own route to the API, or frozen at a crash point.

MOVED_CLOCK names a file with the wall clock's error in seconds, read at each use; clocks for durations are
right. API_BY is the API's address. FREEZE_AT is a crash point and the number of its pass: there the process
stops as by `kill -STOP`, until SIGCONT.
"""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hotfolder import __main__, clock, crashpoints, log
from hotfolder.cli import run
from tests.support.crashing import at

MOVED_CLOCK, API_BY, FREEZE_AT = "MOVED_CLOCK", "API_BY", "FREEZE_AT"


def move_clock(moved: Path) -> None:
    def now(self: clock.SystemClock) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(moved.read_text() or 0))

    clock.SystemClock.now = now  # type: ignore[method-assign]


def freeze() -> None:
    log.get("test").info("frozen")
    os.kill(os.getpid(), signal.SIGSTOP)


def main() -> None:
    access = run.real_access
    if MOVED_CLOCK in os.environ:
        move_clock(Path(os.environ[MOVED_CLOCK]))
    if API_BY in os.environ:
        run.real_access = lambda settings: replace(access(settings), base_url=os.environ[API_BY])
    if FREEZE_AT in os.environ:
        point, nth = os.environ[FREEZE_AT].split()
        crashpoints.hook = at(point, freeze, int(nth))
    __main__.main()


if __name__ == "__main__":
    main()
