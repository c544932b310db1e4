"""`hotfolder`, as the process of a machine whose clock is wrong, with a way of its own to the API.

MOVED_CLOCK names a file that says by how many seconds the wall clock is off, read at every look at it; the
clocks that measure durations aren't. API_BY is the address at which the API is asked.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from hotfolder import __main__, clock
from hotfolder.cli import run

MOVED_CLOCK, API_BY = "MOVED_CLOCK", "API_BY"


def main() -> None:
    moved, access = Path(os.environ[MOVED_CLOCK]), run.real_access

    def now(self: clock.SystemClock) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(moved.read_text() or 0))

    clock.SystemClock.now = now  # type: ignore[method-assign]
    run.real_access = lambda settings: replace(access(settings), base_url=os.environ[API_BY])
    __main__.main()


if __name__ == "__main__":
    main()
