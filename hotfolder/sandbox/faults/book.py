"""The rules in force: read again whenever their file has changed."""

from __future__ import annotations

import logging
from pathlib import Path

from hotfolder.sandbox.faults.file import read_rules
from hotfolder.sandbox.faults.rules import Counting, Rule
from hotfolder.sandbox.settings import SandboxError

logger = logging.getLogger(__name__)

Identity = tuple[int, int, int, int]


class RuleBook:
    """Raises SandboxError when the file is no good at first. Later mistakes leave the old rules in force."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = identity(path)
        self._counting = Counting(read_rules(path))

    @property
    def rules(self) -> list[Rule]:
        return self._counting.rules

    def refresh(self) -> None:
        """Look whether the file has changed. All rules of a new file count from one."""
        now = identity(self._path)
        if now == self._seen:
            return
        self._seen = now
        try:
            self._counting = Counting(read_rules(self._path))
        except SandboxError as error:
            logger.warning("the faults stay as they were: %s", error)

    def wants_title(self, endpoint: str) -> bool:
        """Whether a project's title decides about requests to `endpoint`."""
        return any(rule.wants_title(endpoint) for rule in self.rules)

    def hit(self, endpoint: str, title: str | None) -> Rule | None:
        """Count a request, and say which rule hits it."""
        return self._counting.hit(endpoint, title)


def identity(path: Path) -> Identity | None:
    """Changes with the file; None when there is none."""
    try:
        seen = path.stat()
    except OSError:
        return None
    return (seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns)
