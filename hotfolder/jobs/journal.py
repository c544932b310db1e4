"""The ledger of paid calls once more, as a file of lines: a lost or restored database can't pay again.

One JSON object a line, synced before the request leaves and after every outcome; the last line of a call
counts. It holds what the database holds of the calls, raw answers included, so it is as private as the
database. Lines are only ever appended.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from hotfolder import log
from hotfolder.errors import StoreError
from hotfolder.jobs.model import PurchaseState
from hotfolder.outbox.linking import sync_folder

FILE_NAME = "paid-calls.jsonl"

logger = log.get("ledger")


class JournalState(NamedTuple):
    """How a call stands, and whether the record of its job was let go of."""

    state: PurchaseState
    let_go: bool


@dataclass(frozen=True, slots=True)
class Recorded:
    """One paid call as the file knows it: the columns of its row, and the rows of its results. What is empty
    is left out of both."""

    call: Mapping[str, Any]
    results: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """What one line says of a call; `recorded` is None where it says that the call is forgotten, as lines of
    earlier releases may."""

    uid: str
    recorded: Recorded | None


class Journal:
    """Appends to and reads one ledger file. Several threads and processes may at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, *recorded: Recorded) -> None:
        """Write down how calls stand now; on the disk when this returns. Raises OSError.

        A line that a crash cut off is closed first, so that it spoils no other.
        """
        lines = [{"call": dict(one.call), "results": [*map(dict, one.results)]} for one in recorded]
        data = "".join(json.dumps(line) + "\n" for line in lines).encode("ascii")
        with locked(self.path) as descriptor:
            size_bytes = os.fstat(descriptor).st_size
            if size_bytes and os.pread(descriptor, 1, size_bytes - 1) != b"\n":
                data = b"\n" + data
            while data:
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
            if not size_bytes:
                sync_folder(self.path.parent)

    def standings(self) -> dict[str, JournalState]:
        """How each call stands by its last line, by uid, in the order in which they began. Raises StoreError
        when the file can't be read at all.

        A line that isn't whole was cut off by a crash and tells nothing that the database doesn't.
        """
        last: dict[str, JournalState] = {}
        for line in self._read():
            if line.recorded is None:
                last.pop(line.uid, None)
            else:
                last[line.uid] = standing_of(line.recorded)
        return last

    def read(self, uids: Container[str] | None = None) -> list[Recorded]:
        """The calls with these uids, or every call, each as its last line has it, in the order in which they
        began. As `standings`; after years all of them take a lot of memory."""
        last: dict[str, Recorded] = {}
        for line in self._read():
            if line.recorded is None:
                last.pop(line.uid, None)
            elif uids is None or line.uid in uids:
                last[line.uid] = line.recorded
        return list(last.values())

    def _read(self) -> Iterator[Line]:
        try:
            with self.path.open("rb") as file:
                yield from lines_of(file)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(
                f"the ledger of paid calls {self.path} can't be read: {error.strerror}",
                hint="It knows what is paid for. Make it readable, or restore it from a backup.",
            ) from None


@cache  # there are ten, and a ledger may have a million calls
def standing(state: str, let_go: bool) -> JournalState:
    """Raises ValueError for what is no state."""
    return JournalState(PurchaseState(state), let_go)


def standing_of(recorded: Recorded) -> JournalState:
    return standing(recorded.call["state"], bool(recorded.call.get("job_let_go_at")))


def lines_of(file: BinaryIO) -> Iterator[Line]:
    """What the whole lines of a ledger file say."""
    for number, raw in enumerate(file, start=1):
        if raw.strip():
            try:
                yield from _parsed(raw)
            except (ValueError, TypeError, KeyError, RecursionError):
                logger.warning("ledger_line_not_whole", file=str(file.name), line=number)


def _parsed(raw: bytes) -> Iterable[Line]:
    found = json.loads(raw)
    if "forgotten" in found:
        return [Line(str(uid), None) for uid in found["forgotten"]]
    recorded = Recorded(found["call"], tuple(found["results"]))
    standing_of(recorded)
    return [Line(recorded.call["uid"], recorded)]


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """A descriptor of the file, made where it is missing. Nobody else appends to it meanwhile."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)
