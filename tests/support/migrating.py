"""A process that is killed while it migrates a store."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from hotfolder.jobs.database import open_store

READS = ("SELECT", "PRAGMA TABLE", "PRAGMA MAIN", "PRAGMA INDEX", "PRAGMA FOREIGN")


def migrate(state: Path, kill_at: int) -> None:
    """Open the store, and kill this process before its `kill_at`-th writing statement, as a power cut
    would."""
    left = kill_at

    @event.listens_for(Engine, "before_cursor_execute")
    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal left
        left -= not statement.strip().upper().startswith(READS)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    open_store(state).dispose()
