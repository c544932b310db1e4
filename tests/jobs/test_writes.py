"""Whether anybody has written to the store."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from hotfolder.jobs.database import FILE_NAME, open_store
from hotfolder.jobs.store import Store
from hotfolder.jobs.writes import Writes

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def quiet(path: Path) -> Writes:
    """One that has nothing more to tell of the past."""
    writes = Writes(path)
    while writes.since_last_time():
        pass
    return writes


def test_every_commit_is_told_and_a_look_at_the_store_is_not(tmp_path: Path) -> None:
    """Whatever connection it was made on: other commands write, too."""
    mine, others = Store(open_store(tmp_path)), Store(open_store(tmp_path))
    writes = quiet(tmp_path / FILE_NAME)
    assert others.paused() is None
    assert not writes.since_last_time()
    for number, store in enumerate((others, mine, others)):
        store.post("x", number, NOW)
        assert writes.since_last_time()
    mine.database.dispose()
    others.database.dispose()


def test_a_write_that_leaves_no_trace_behind_one_that_was_seen_is_told_the_next_time(tmp_path: Path) -> None:
    """Both came in the same tick of the clock that stamps files."""
    path = tmp_path / "store"
    path.write_bytes(b"1")
    writes = quiet(path)
    path.write_bytes(b"2")
    os.utime(path, ns=(1, 1))
    assert writes.since_last_time()
    path.write_bytes(b"3")
    os.utime(path, ns=(1, 1))
    assert writes.since_last_time()
    assert not writes.since_last_time()


def test_where_there_is_no_such_file_there_may_always_be_a_write(tmp_path: Path) -> None:
    writes = Writes(tmp_path / "none")
    assert all(writes.since_last_time() for _ in range(5))
