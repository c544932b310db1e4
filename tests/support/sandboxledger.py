"""The sandbox's ledger as tests read it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hotfolder.sandbox.requestledger import FILE_NAME


@dataclass(frozen=True)
class Entry:
    """One line. `status` is None unless answered or faulted. `fault` and `processed` are None unless faulted.

    `ids` may hold project, group, photo, image, result and object.
    """

    event: Literal["answered", "charged", "refunded", "faulted"]
    time: str
    origin: str
    method: str
    route: str
    status: int | None = None
    paid: bool = False
    seconds: float | None = None
    ids: dict[str, str] = field(default_factory=dict)
    fault: str | None = None
    processed: bool | None = None


def read_ledger(folder: Path) -> list[Entry]:
    """All entries of a data folder, oldest first, possibly none. A torn last line is left out."""
    path = folder / FILE_NAME
    return entries_in(path.read_text(encoding="utf-8")) if path.exists() else []


def entries_in(text: str) -> list[Entry]:
    """The entries in a piece of the file, without a torn last line."""
    return [Entry(**json.loads(line)) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def charges(folder: Path, route: str | None = None) -> list[Entry]:
    """The charges that were not refunded; only those on `route` if given (`/api/hdr-enhance`)."""
    return charged(read_ledger(folder), route)


def charged(entries: Iterable[Entry], route: str | None = None) -> list[Entry]:
    """The charges in these entries that were not refunded. A refund of an earlier charge is ignored."""
    bought: list[Entry] = []
    for entry in entries:
        if entry.event == "charged":
            bought.append(entry)
        elif entry.event == "refunded":
            same = [one for one in bought if (one.route, one.ids) == (entry.route, entry.ids)]
            if same:
                bought.remove(same[-1])
    return [entry for entry in bought if route in (None, entry.route)]
