"""A shop whose API goes wrong as a test wishes, and what its own books say of that."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from hotfolder.sandbox.ledger import Entry, charged
from tests.support.studio import MERGE, Shop, digest

Fault = dict[str, Any]


class BadShop(Shop):
    """`mark` begins a page, on which nothing goes wrong until `goes_wrong` says what."""

    def __init__(self, data: Path, **changes: Any) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._faults = data / "faults.json"
        self._faults.write_text("[]")
        super().__init__(data, faults=self._faults, **changes)

    def mark(self) -> None:
        super().mark()
        self.goes_wrong()

    def goes_wrong(self, *faults: Fault) -> None:
        """These faults from the next request on, each counting from one."""
        fresh = self._faults.with_suffix(".new")
        fresh.write_text(json.dumps(faults))
        fresh.replace(self._faults)

    def charged(self) -> list[Entry]:
        """The paid calls that were accepted since the mark."""
        return charged(self.page())

    def asked(self, route: str) -> int:
        """How often the sandbox was asked for something, answered or not."""
        answered = [one for one in self.page() if one.route == route]
        return sum(
            one.event == "answered" or (one.event == "faulted" and one.status is None) for one in answered
        )

    def ghosts(self, paid: Sequence[Entry], sets: Sequence[Counter[str]]) -> list[str]:
        """Merges among the `paid` calls whose group didn't hold exactly one of `sets` (checksums)."""
        merges = [one for one in paid if one.route == MERGE]
        return [one.ids["group"] for one in merges if self._group(one.ids["group"]) not in sets]

    def _group(self, group: str) -> Counter[str]:
        with closing(sqlite3.connect(self.data / "sandbox.sqlite3")) as books:
            rows = books.execute("SELECT object FROM photos WHERE owner = ?", (group,)).fetchall()
        uploads = self.data / "objects" / "stager-uploads"
        return Counter(digest(uploads / name) for (name,) in rows)
