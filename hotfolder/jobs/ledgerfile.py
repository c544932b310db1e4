"""The ledger of paid calls once more, as an append-only file: a lost or restored database can't pay again.

One JSON object a line, synced before the request leaves and after every outcome. It holds what the database
holds of the calls, raw answers included, so it is as private as the database.
"""

from __future__ import annotations

import json
import os
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotfolder import log
from hotfolder.errors import StoreError
from hotfolder.jobs.tables import CallState

FILE_NAME = "paid-calls.jsonl"

logger = log.get("ledger")


@dataclass(frozen=True, slots=True)
class Recorded:
    """One paid call as the file knows it: the columns of its row, and the rows of its results."""

    call: Mapping[str, Any]
    results: tuple[Mapping[str, Any], ...]


class LedgerFile:
    """Appends to and reads one ledger file. Not shared between processes that write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._whole = False

    def append(self, call: Mapping[str, Any], results: tuple[Mapping[str, Any], ...] = ()) -> None:
        """Write down how a call stands now; on the disk when this returns. Raises OSError.

        A line that a crash cut off is closed first, so that it spoils no other.
        """
        line = json.dumps({"call": dict(call), "results": [dict(one) for one in results]}) + "\n"
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            if not self._whole:
                size_bytes = os.fstat(descriptor).st_size
                if size_bytes and os.pread(descriptor, 1, size_bytes - 1) != b"\n":
                    line = "\n" + line
            self._whole = False
            data = line.encode("ascii")
            while data:
                data = data[os.write(descriptor, data) :]
            os.fsync(descriptor)
            self._whole = True
        finally:
            os.close(descriptor)

    def states(self) -> dict[str, CallState]:
        """How each call stands by its last line, by uid, in the order in which they began. Raises StoreError
        when the file can't be read at all.

        A line that isn't whole was cut off by a crash and tells nothing that the database doesn't.
        """
        return {found["call"]["uid"]: CallState(found["call"]["state"]) for found in self._lines()}

    def read(self, uids: Container[str] | None = None) -> list[Recorded]:
        """The calls with these uids, or every call, each as its last line has it, in the order in which they
        began. As `states`; after years all of them take a lot of memory."""
        last: dict[str, Recorded] = {}
        for found in self._lines():
            call, results = found["call"], found["results"]
            if uids is None or call["uid"] in uids:
                last[call["uid"]] = Recorded(call, tuple(results))
        return list(last.values())

    def _lines(self) -> Iterator[dict[str, Any]]:
        try:
            with self.path.open("rb") as file:
                yield from self._parsed(file)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(
                f"the ledger of paid calls {self.path} can't be read: {error.strerror}",
                hint="It knows what is paid for. Make it readable, or restore it from a backup.",
            ) from None

    def _parsed(self, lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                found = json.loads(line)
                found["call"]["uid"], found["results"]
            except (ValueError, TypeError, KeyError, RecursionError):
                logger.warning("ledger_line_not_whole", file=str(self.path), line=number)
                continue
            yield found
