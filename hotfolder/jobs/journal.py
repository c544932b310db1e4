"""The journal: an append-only file of all purchases, so that a lost or restored database can't pay twice.

One JSON object a line, fsynced before the request leaves and after every change of its state; the last line
of a purchase counts. It holds what the database holds of the purchases, raw answers included, so it is as
private as the database.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from hotfolder import log
from hotfolder.errors import StoreError
from hotfolder.jobs.states import OWN_END, PurchaseOutcome, PurchaseState
from hotfolder.outbox.linking import sync_folder

FILE_NAME = "paid-calls.jsonl"
PREFIXES = {
    "given up: ": PurchaseOutcome.GIVEN_UP,
    "resolved: ": PurchaseOutcome.RESOLVED,
    "known by its receipt: another store's: ": PurchaseOutcome.BY_ANOTHER,
    "known by its receipt: ": PurchaseOutcome.BY_RECEIPT,
}
"""The prefixes of notes before format 10 of the store, which had no outcome column."""

Entry = Mapping[str, Any]
"""A line: `call` holds the columns of a purchase, `results` those of each of its results, without empty ones.
The database's number of the purchase is in neither."""

JournalState = tuple[PurchaseState, bool]
"""The state of a purchase, and whether its job's record was deleted."""

logger = log.get("journal")


class Journal:
    """Appends to and reads one file. Safe for several threads and processes at once."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, *entries: Entry) -> None:
        """Append the present state of purchases; fsynced when this returns. Raises OSError.

        A last line that a crash cut off is ended with a newline first, so that it doesn't corrupt the next.
        """
        data = "".join(json.dumps(entry) + "\n" for entry in entries).encode("ascii")
        with open(self.path, "a+b", buffering=0, opener=partial(os.open, mode=0o600)) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            size_bytes = os.fstat(file.fileno()).st_size
            if size_bytes and os.pread(file.fileno(), 1, size_bytes - 1) != b"\n":
                data = b"\n" + data
            while data:
                data = data[file.write(data) :]
            os.fsync(file.fileno())
            if not size_bytes:
                sync_folder(self.path.parent)

    def states(self) -> dict[str, JournalState]:
        """The state of each purchase by its last line: by uid, in the order in which they began. Raises
        StoreError when the file can't be read at all."""
        return {uid: journal_state(entry["call"]) for uid, entry in self._lines()}

    def read(self, uids: Collection[str] | None = None) -> list[Entry]:
        """The last line of the purchases with these uids, None for all, in the order in which they began.
        Raises StoreError. All of several years take much memory."""
        found = {uid: entry for uid, entry in self._lines() if uids is None or uid in uids}
        return list(found.values())

    def _lines(self) -> Iterator[tuple[str, Entry]]:
        """Uids and entries. An incomplete line, cut off by a crash, is logged and skipped: it tells nothing
        that the database doesn't."""
        try:
            with self.path.open("rb") as file:
                for number, line in enumerate(file, start=1):
                    try:
                        yield parsed(line)
                    except (ValueError, TypeError, KeyError, RecursionError):
                        logger.warning("journal_line_not_whole", file=str(self.path), line=number)
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(
                f"the journal of paid calls {self.path} can't be read: {error.strerror}",
                hint="It knows what is paid for. Make it readable, or restore it from a backup.",
            ) from None


def parsed(line: bytes) -> tuple[str, Entry]:
    """Uid and entry of a line. Raises ValueError, TypeError or KeyError for an incomplete one."""
    found = json.loads(line)
    call = found["call"]
    journal_state(call)
    if "outcome" not in call:
        outcome, note = outcome_in_note(call.get("note", ""))
        call |= {"outcome": outcome, "note": note}
    return call["uid"], {"call": call, "results": list(found["results"])}


def journal_state(call: Mapping[str, Any]) -> JournalState:
    """That of a line's `call`. Raises ValueError for an unknown state."""
    return PurchaseState(call["state"]), bool(call.get("job_let_go_at"))


def outcome_in_note(note: str) -> tuple[str, str]:
    """Split a note of a release before format 10 into outcome and note."""
    for prefix, outcome in PREFIXES.items():
        if note.startswith(prefix):
            rest = note.removeprefix(prefix)
            given_up = outcome is PurchaseOutcome.GIVEN_UP
            return (PurchaseOutcome.INTERRUPTED if given_up and rest == OWN_END else outcome), rest
    return "", note
