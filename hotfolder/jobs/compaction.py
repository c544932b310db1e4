"""Writing the ledger's file anew without the lines that don't count any more.

Others may append meanwhile. A kill at any moment leaves the old file or the new one, whole; what is left of a
new one is written over by the next attempt.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from hotfolder import log
from hotfolder.jobs.ledgerfile import LedgerFile, in_place, lines_of
from hotfolder.outbox.linking import sync_folder

logger = log.get("ledger")

SUFFIX = ".new"


class TidyStep(StrEnum):
    """The durable steps of forgetting, by name: where a crash is worth trying."""

    RECORD_LET_GO = "record_let_go"
    CALLS_FORGOTTEN = "calls_forgotten"
    LINES_COPIED = "lines_copied"
    TAIL_COPIED = "tail_copied"
    FILE_REPLACED = "file_replaced"


Passing = Callable[[TidyStep], None]
"""Called when a step is done. May end the process; a service does nothing here."""


def pass_by(_step: TidyStep) -> None:
    """What a service does at a step."""


def compact(file: LedgerFile, passing: Passing = pass_by) -> None:
    """Leave one line for each call that isn't forgotten, its last one, as it is. Does nothing where another
    process is at it. Blocks, for seconds once there are many; whoever appends waits only at the end of it.
    Raises OSError.
    """
    path = Path(os.path.realpath(file.path))  # of a file that was linked to from here the link stays
    fresh_path = path.with_name(path.name + SUFFIX)
    try:
        old = path.open("rb")
    except FileNotFoundError:
        return
    with old, fresh_path.open("ab") as fresh:
        try:
            fcntl.flock(fresh, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        if not in_place(fresh.fileno(), fresh_path):
            return
        try:
            calls = rewritten(old, path, fresh, fresh_path, passing)
        except BaseException:
            with suppress(OSError):
                fresh_path.unlink()
            raise
        if calls is not None:
            file.compacted(calls)


def rewritten(old: BinaryIO, path: Path, fresh: BinaryIO, fresh_path: Path, passing: Passing) -> int | None:
    """Fill `fresh` and put it in place of `old`; of how many calls it has lines. None, with nothing changed,
    where another file has taken the place of `old` meanwhile."""
    fcntl.flock(old, fcntl.LOCK_EX)
    size_bytes = os.fstat(old.fileno()).st_size  # up to here nobody is writing
    fcntl.flock(old, fcntl.LOCK_UN)
    last: dict[str, int] = {}
    count = 0
    for line in lines_of(old, size_bytes):
        count += 1
        if line.recorded is None:
            last.pop(line.uid, None)
        else:
            last[line.uid] = line.offset
    be_like(fresh, os.fstat(old.fileno()))
    fresh.truncate(0)
    copy_lines(old, last.values(), fresh)
    fresh.flush()
    os.fsync(fresh.fileno())
    passing(TidyStep.LINES_COPIED)
    fcntl.flock(old, fcntl.LOCK_EX)
    if not in_place(old.fileno(), path):
        fresh_path.unlink()
        return None
    old.seek(size_bytes)
    shutil.copyfileobj(old, fresh)
    fresh.flush()
    os.fsync(fresh.fileno())
    passing(TidyStep.TAIL_COPIED)
    fresh_path.replace(path)
    passing(TidyStep.FILE_REPLACED)
    sync_folder(path.parent)
    logger.info("ledger_compacted", calls=len(last), lines_left_out=count - len(last))
    return len(last)


def be_like(fresh: BinaryIO, old: os.stat_result) -> None:
    """Give it the mode and the owner of the old one, which the daemon must be able to write whoever runs
    this. Raises OSError where that may not be."""
    os.fchmod(fresh.fileno(), stat.S_IMODE(old.st_mode))
    now = os.fstat(fresh.fileno())
    if (now.st_uid, now.st_gid) != (old.st_uid, old.st_gid):
        os.fchown(fresh.fileno(), old.st_uid, old.st_gid)


def copy_lines(old: BinaryIO, offsets: Iterable[int], fresh: BinaryIO) -> None:
    for offset in offsets:
        old.seek(offset)
        fresh.write(old.readline().rstrip(b"\n") + b"\n")  # the last one may have been cut off before its end
