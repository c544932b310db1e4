"""The judge: checks what must hold of a studio once its daemon has stopped, whatever happened before.

It believes nothing that the daemon says: originals are compared with checksums taken before the drop, paid
calls with the sandbox's own ledger.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from hotfolder.config.load import load
from hotfolder.daemon.folders import places_of
from hotfolder.jobs.context import Places
from hotfolder.jobs.database import open_store
from hotfolder.jobs.journal import FILE_NAME, Journal
from hotfolder.jobs.leases import known_machine
from hotfolder.jobs.ledger import NOT_WRITTEN
from hotfolder.jobs.model import Job, Purchase
from hotfolder.jobs.states import ACTIVE, NEEDS_PERSON, PurchaseOutcome, PurchaseState, State
from hotfolder.jobs.store import Store
from hotfolder.jobs.verify import verify
from hotfolder.outbox.returning import gathering_folder
from hotfolder.telemetry.overview import overview
from tests.support.sandboxledger import Entry
from tests.support.studio import KEY, Studio, files_below

PICTURES = (".jpg", ".png")
OURS = re.compile(r"(.*/)?(REASON( \([a-z0-9 ]+\))*\.txt|STATUS\.txt|\.hotfolder-(root|lock|archive))")
SIGNATURE = re.compile(r"X-Sandbox-Signature|X-Goog-Signature|signature=", re.IGNORECASE)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@dataclass
class Originals:
    """Checksums of everything that was dropped, taken before the drop."""

    count: Counter[str] = field(default_factory=Counter)
    name: dict[str, str] = field(default_factory=dict)

    def take(self, project: str, folder: str, files: Mapping[str, bytes]) -> None:
        for name, content in files.items():
            digest = sha256(content)
            self.count[digest] += 1
            self.name[digest] = f"{project}/{folder}/{name}"

    def missing(self, studio: Studio) -> list[str]:
        """The originals that are nowhere at this moment, which may be any moment."""
        found = Counter(sha256(content) for _, content in kept(studio))
        return [self.name[digest] for digest, times in self.count.items() if found[digest] < times]


def kept(studio: Studio) -> Iterator[tuple[str, bytes]]:
    """Every file where originals may be: its path in the studio, and its content."""
    projects = studio.done.iterdir() if studio.done.is_dir() else ()
    originals = [project / "originals" for project in projects if project.is_dir()]
    for place in (*studio.inboxes, studio.failed, studio.archive, *originals):
        if place.is_dir():
            for name, content in files_below(place).items():
                yield str((place / name).relative_to(studio.root)), content


class Audit:
    """A studio whose daemon has stopped. `charges` are the sandbox's, for this studio alone."""

    def __init__(self, studio: Studio, charges: Iterable[Entry]) -> None:
        self.studio = studio
        self.charges = list(charges)
        self.places: Places = places_of(load(studio.config, {}))
        self.journals = [Journal(state / FILE_NAME) for state in studio.state_folders]
        database = open_store(studio.place)
        try:
            store = Store(database)
            stores = [
                Store(database, journal, machine=known_machine(state))
                for state, journal in zip(studio.state_folders, self.journals, strict=True)
            ]
            self.jobs: list[Job] = store.in_states(State)
            self.calls: list[Purchase] = store.ledger.all_purchases()
            self.pictures = {picture.path: picture for job in self.jobs for picture in store.pictures(job.id)}
            self.files = {job.id: {file.name for file in store.files(job.id)} for job in self.jobs}
            self.seen = overview(store, pid=0)
            found = [one for each in stores for one in verify(each, self.places)]
            self.disagreements = [f"{job}: {what}" for job, what in found]
            self.disagreements += self.not_written_down()
        finally:
            database.dispose()

    def faults(self, originals: Originals, bound: int) -> list[str]:
        """All broken promises; empty when all promises hold."""
        return [
            *self.lost(originals),
            *self.partial(),
            *self.twice(),
            *self.overpaid(bound),
            *self.silent(),
            *self.disagreements,
            *self.leaks(),
        ]

    def lost(self, originals: Originals) -> Iterator[str]:
        """Every original exists, byte-identical, as often as it was dropped; and there is nothing else."""
        found: dict[str, list[str]] = {}
        for path, content in kept(self.studio):
            found.setdefault(sha256(content), []).append(path)
        for digest, times in originals.count.items():
            where = found.pop(digest, [])
            if len(where) != times:
                yield f"{originals.name[digest]} was dropped {times} times and is at {where or 'no place'}"
        for paths in found.values():
            yield from (f"nobody dropped {path}" for path in paths if not OURS.fullmatch(path))

    def partial(self) -> Iterator[str]:
        """Every picture in done/ is whole and recorded; every receipt can be read."""
        delivered = set()
        for path, content in files_below(self.studio.done).items():
            _, _, inner = path.partition("/")
            if inner.startswith("originals/"):
                continue
            if inner.startswith("receipts/"):
                if not isinstance(json.loads(content), dict):
                    yield f"{path} is no receipt"
            elif not whole(content):
                yield f"{path} is no whole picture"
            elif path not in self.pictures or self.pictures[path].sha256 != sha256(content):
                yield f"{path} is not the picture that was recorded"
            delivered.add(path)
        yield from (f"{path} was recorded and isn't there" for path in self.pictures.keys() - delivered)

    def twice(self) -> Iterator[str]:
        """Every picture of a set is placed once. Two variants may come to the same bytes."""
        placed = Counter(
            (picture.job_id, picture.sha256, picture.rendition, picture.variant)
            for picture in self.pictures.values()
        )
        yield from (f"a picture of {job} was placed {n} times" for (job, *_), n in placed.items() if n > 1)

    def not_written_down(self) -> Iterator[str]:
        """All purchases in the store are in the journal of at least one machine, and the journals hold no
        others."""
        states_by_journal = [journal.states() for journal in self.journals]
        calls = {call.uid: call for call in self.calls if call.note != NOT_WRITTEN}
        for uid, call in calls.items():
            written = [one[uid][0] for one in states_by_journal if uid in one]
            if call.state not in written:
                yield f"a paid call ({call.operation}) is {call.state}, and in the journals {written}"
        for uid in set().union(*states_by_journal) - {call.uid for call in self.calls}:
            yield f"the paid call {uid} is in a journal, and not in the store"

    def overpaid(self, bound: int) -> Iterator[str]:
        """The sandbox's charges are within the bound; no key is bought twice; no charge is unknown."""
        if len(self.charges) > bound:
            yield f"{len(self.charges)} paid calls, and at most {bound} were allowed"
        paid: Counter[str] = Counter()
        file_ids = {
            value
            for journal in self.journals
            for one in journal.read()
            for value in (one["call"].get("group_id"), one["call"].get("image_id"))
            if value
        }
        for charge in self.charges:
            ids = set(charge.ids.values())
            known = [call for call in self.calls if {call.group_id, call.image_id} & ids]
            # A refused connection leaves a call of the same group that provably did not happen.
            counting = [call for call in known if not happened_never(call)]
            if len(counting) != 1 or not file_ids & ids:
                notes = [f"{call.operation} {call.state} {call.note}" for call in known]
                yield f"a charge ({charge.route}) is known to these calls: {notes}"
                continue
            paid[counting[0].key] += 1
        yield from (f"the key {key[:8]} was paid {times} times" for key, times in paid.items() if times > 1)

    def silent(self) -> Iterator[str]:
        """Every job that isn't done has a reason, and so does every folder in failed/."""
        yield from (f"{line.folder} is {line.state} without a reason" for line in self._unexplained())
        for job in self.jobs:
            if State(job.state) in NEEDS_PERSON:
                page = self.places.failed / job.project / (job.filed_as or "-") / "REASON.txt"
                on_its_way = gathering_folder(self.places.folder(job), job.id) / page.name
                if not page.is_file() and on_its_way.is_file():
                    page = on_its_way
                if not page.is_file() or not same_words(job.reason, page.read_text()):
                    yield f"{page} doesn't say why"
        told = {(line.project, line.folder) for line in self.seen.lines}
        notices = " ".join(self.seen.notices)
        for path in (name for inbox in self.studio.inboxes for name in files_below(inbox)):
            parts = Path(path).parts
            said = (parts[:2] in told or parts[1] in notices) if len(parts) > 1 else OURS.fullmatch(path)
            if not said:
                yield f"nobody says why {path} is still in the inbox"

    def _unexplained(self) -> Iterator[Any]:
        return (line for line in self.seen.lines if line.state != State.DONE and not line.reason)

    def active(self) -> list[Job]:
        return [job for job in self.jobs if State(job.state) in ACTIVE]

    def leaks(self) -> Iterator[str]:
        """No key and no signed address is in any text that people read."""
        for path, text in self._read_by_people():
            if KEY in text:
                yield f"the key is in {path}"
            if SIGNATURE.search(text):
                yield f"a signed address is in {path}"

    def _read_by_people(self) -> Iterator[tuple[str, str]]:
        yield "status --json", json.dumps(self.seen.as_dict())
        for path in self.studio.root.rglob("*"):
            text = path.suffix in (".log", ".txt", ".json") and path.is_file()
            if text and not path.is_relative_to(self.places.state / "sandbox"):
                yield str(path.relative_to(self.studio.root)), path.read_text(errors="replace")


def happened_never(call: Purchase) -> bool:
    """Whether the ledger recorded, without a person's word, that the call did not happen."""
    return call.state == PurchaseState.NOT_EXECUTED and call.outcome != PurchaseOutcome.RESOLVED


def same_words(reason: str, page: str) -> bool:
    """Whether the page contains the reason, apart from line breaks."""
    return "".join(reason.split()) in "".join(page.split())


def whole(content: bytes) -> bool:
    """Whether a picture decodes to its end and has an end marker."""
    try:
        picture = Image.open(io.BytesIO(content))
        picture.load()
    except (OSError, SyntaxError):
        return False
    return picture.format != "JPEG" or content.rstrip(b"\0").endswith(b"\xff\xd9")
