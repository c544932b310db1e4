"""`hotfolder` on a machine with a wrong clock and its own route to the API.

MOVED_CLOCK names a file with the wall clock's error in seconds, read at each use; clocks for durations are
right. API_BY is the API's address.
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
