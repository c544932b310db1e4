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
    PURCHASE = "purchase"


@dataclass(frozen=True, slots=True)
class Keep:
    """For how long each kind is kept from when its set was done (a result: from when it was fetched; a
    record: from when the last set of its project was; a purchase: from when its paid call ended); None is for
    ever."""

    originals: timedelta | None
    receipts: timedelta | None
    results: timedelta | None
    records: timedelta | None = None
    purchases: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A file that is old enough. `kept_because` says why it stays nevertheless; empty where it goes.

    Of a record or a purchase, which are in the store and no files, `path` is the folder in done/ of the
    project they are of; `number` is of how many paid calls it is told.
    """

    kind: Kind
    path: Path
    size_bytes: int
    kept_because: str = ""
    number: int = 1
