"""A studio whose daemon was killed on the way and started again, and what must hold of it."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.model import Purchase
from hotfolder.sandbox.ledger import Entry
from tests.support import crashing
from tests.support.audit import Audit, Originals
from tests.support.studio import MERGE, SKY, Shop, Studio, files_below

PROJECT = "12 Elm Road"
PICTURES = (".jpg", ".png")
Kill = tuple[str, int]


@dataclass
class Wreck:
    """One set in one studio. `kills` are crash points with the number of the pass that ends the process.
    `deletes`: its photos are deleted once its pictures are there."""

    studio: Studio
    shop: Shop
    folder: str
    photos: Mapping[str, bytes]
    kills: tuple[Kill, ...]
    exit_codes: list[int] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    deletes: bool = False

    def live(self) -> None:
        """Run and be killed, so often as was wished, then run to the end."""
        self.studio.drop(PROJECT, self.folder, self.photos)
        for kill_at, nth in (*self.kills, (None, 0)):
            code = crashing.live(self.studio, self.shop, kill_at=kill_at, nth=nth)
            self.exit_codes.append(code)
            self.look(finished=kill_at is None)

    def look(self, *, finished: bool) -> None:
        """Note what isn't as it must be, at any moment."""
        studio = self.studio
        places = [studio.inbox, studio.failed, studio.archive, studio.done / PROJECT / "originals"]
        found = Counter(content for place in places for content in files_below(place).values())
        for name, content in self.photos.items():
            deleted = self.deletes and self.vouched_for()
            if (found[content] < 1 and not deleted) or (finished and found[content] > 1):
                self.faults.append(f"{name} is there {found[content]} times after {self.exit_codes}")
        for path, content in self.delivered().items():
            if not whole(content):
                self.faults.append(f"{path} is no whole picture after {self.exit_codes}")

    def vouched_for(self) -> bool:
        """Whether picture and receipt are there, so that photos may be gone."""
        return bool(self.delivered()) and any((self.studio.done / PROJECT / "receipts").glob("*.json"))

    def delivered(self) -> dict[str, bytes]:
        """The pictures that a customer sees."""
        return {
            name: content
            for name, content in files_below(self.studio.done / PROJECT).items()
            if "/" not in name and name.endswith(PICTURES) and not name.startswith(".")
        }

    def hidden(self) -> list[str]:
        """Temporary files left where people look."""
        places = (self.studio.done, self.studio.failed, self.studio.inbox / PROJECT)
        return [name for place in places for name in files_below(place) if Path(name).name.startswith(".")]

    def calls(self) -> list[Purchase]:
        store = self.studio.store()
        try:
            return Ledger(store.database).of_job(store.latest_of_folder("inbox", PROJECT, self.folder).id)  # type: ignore[union-attr]
        finally:
            store.database.dispose()

    def charged(self, charges: list[Entry]) -> Counter[str]:
        """What the sandbox charged for calls of this studio, by route."""
        known = self._ids()
        return Counter(entry.route for entry in charges if known & set(entry.ids.values()))

    def _ids(self) -> set[str]:
        return {value for call in self.calls() for value in (call.group_id, call.image_id) if value}

    def job(self) -> dict[str, str]:
        jobs = self.studio.status()["jobs"]
        assert len(jobs) == 1, jobs
        return dict(jobs[0])

    def assert_sound(self, charges: list[Entry]) -> None:
        """What must hold wherever it was killed."""
        text = (self.studio.root / "daemon.log").read_text()
        assert self.exit_codes[-1] == 0, text
        assert self.faults == [], text
        assert self.hidden() == []
        originals = Originals()
        if not self.deletes:
            originals.take(PROJECT, self.folder, self.photos)
        known = self._ids()
        own = [entry for entry in charges if known & set(entry.ids.values())]
        assert list(Audit(self.studio, own).faults(originals, bound=2)) == [], text
        charged = self.charged(charges)
        assert all(count == 1 for count in charged.values()), charged
        assert charged.keys() <= {MERGE, SKY}


def whole(content: bytes) -> bool:
    try:
        Image.open(io.BytesIO(content)).load()
    except (OSError, SyntaxError):
        return False
    return True
