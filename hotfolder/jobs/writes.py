"""Has anybody written to the store? Known without asking it, which would cost too much when idle."""

from __future__ import annotations

from pathlib import Path


class Writes:
    """Looks at the store's file, seldom enough for the clock that stamps it to have ticked in between.

    Every commit writes the file and so changes its time. One that comes in the same tick as another one,
    after that was seen, changes nothing more: so the look after a change tells of a change once more.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: object = None
        self._told_again = False

    def since_last_time(self) -> bool:
        """Whether there may have been a write since this was asked before. The first time there was one."""
        try:
            facts = self._path.stat()
        except OSError:
            return True
        seen = (facts.st_ino, facts.st_size, facts.st_mtime_ns)
        if seen != self._seen:
            self._seen, self._told_again = seen, False
            return True
        again, self._told_again = not self._told_again, True
        return again
