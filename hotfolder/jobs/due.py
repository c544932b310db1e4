"""What may go after a while, and for how long each kind of it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path


class Kind(StrEnum):
    ORIGINAL = "original"
    RECEIPT = "receipt"
    RESULT = "result"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Keep:
    """For how long each kind is kept from when its set was done (a result: from when it was fetched; a
    record: from when the last set of its project was); None is for ever."""

    originals: timedelta | None
    receipts: timedelta | None
    results: timedelta | None
    records: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A file that is old enough. `kept_because` says why it stays nevertheless; empty where it goes.

    Of a record, which is in the store and no file, `path` is the folder in done/ of the project it is of.
    """

    kind: Kind
    path: Path
    size_bytes: int
    kept_because: str = ""
