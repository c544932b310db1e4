"""Retention: deletes originals, receipts, bought results and records that are older than the `keep` settings.

Before a file is deleted it is read again and must be what was recorded; before originals are deleted, the
pictures made of them must lie in done/ as they were delivered. Purchases and the journal are never deleted.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Collection, Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from pathlib import Path

from anyio import to_thread
from sqlmodel import col, delete, func, select, update

from hotfolder import log
from hotfolder.errors import LocalTrouble, UnusablePhoto
from hotfolder.jobs.context import Places, recipe_of
from hotfolder.jobs.database import StoreThread
from hotfolder.jobs.ledger import Ledger, batches, read_chain
from hotfolder.jobs.model import FileRole, Job, JobEvent, JobFile, Picture, Purchase
from hotfolder.jobs.states import ACTIVE, SETTLED, State
from hotfolder.jobs.store import Store, bought_generation, generation_row
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.names import originals_folder, safe_name
from hotfolder.outbox.receipts import ReceiptOriginals, complete_receipt, originals_told, printable
from hotfolder.outbox.removing import deleted_or_why, drop_empty_folder, unlike
from hotfolder.outbox.sharing import Guard
from hotfolder.patience import patiently
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import PictureLimits
from hotfolder.pictures.formats import is_photo_name
from hotfolder.rules.delivery import Originals

logger = log.get("retention")

PAGE = 200
"""So many jobs are held in memory at once."""
FINISHED = (State.DONE, State.SUPERSEDED, State.WITHDRAWN)
"""States in which nobody waits for a job. A failed one waits for a person."""


class KeptKind(StrEnum):
    ORIGINAL = "original"
    RECEIPT = "receipt"
    RESULT = "result"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """How long each kind is kept: originals and receipts from when their job was done, results from when they
    were fetched, records from when the last job of their project was finished. None: for ever."""

    originals: timedelta | None = None
    receipts: timedelta | None = None
    results: timedelta | None = None
    records: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Expired:
    """A file, or a project's records, old enough to be deleted. `kept_because` says why it stays, and is
    empty for what is deleted. The path of records is the project's folder in done/."""

    kind: KeptKind
    path: Path
    size_bytes: int
    kept_because: str = ""


@dataclass(frozen=True, slots=True)
class Retention:
    """Applies a policy. Safe beside a working daemon: it touches only what belongs to finished jobs."""

    store: Store
    ledger: Ledger
    places: Places
    store_thread: StoreThread
    confirm_inbox: Guard
    decoder: Decoder
    limits: PictureLimits

    async def apply(self, policy: RetentionPolicy, now: datetime, *, dry_run: bool) -> AsyncIterator[Expired]:
        """Everything that is old enough, each reported once it is deleted. With `dry_run` nothing is changed.
        May be repeated after a crash at any step. Raises LocalTrouble."""
        gone: set[Path] = set()
        for expired in (
            self._of_jobs(policy, now, gone, dry_run=dry_run),
            self._results(policy, now, dry_run=dry_run),
            self._records(policy, now, gone, dry_run=dry_run),
        ):
            async for one in expired:
                if not one.kept_because:
                    gone.add(one.path)
                yield one

    async def _of_jobs(
        self, policy: RetentionPolicy, now: datetime, gone: Set[Path], *, dry_run: bool
    ) -> AsyncIterator[Expired]:
        """Originals and receipts. `gone` is what was deleted so far, or would have been."""
        async for job in self._done():
            done_at = job.finished_at or job.updated_at
            if policy.originals is not None and done_at + policy.originals <= now:
                async for one in self._originals(job, now, dry_run=dry_run):
                    yield one
            if policy.receipts is not None and done_at + policy.receipts <= now:
                async for one in self._receipt(job, policy, gone, dry_run=dry_run):
                    yield one

    async def _done(self) -> AsyncIterator[Job]:
        last: Job | None = None
        while jobs := await self.store_thread(self.store.page, State.DONE, last, PAGE):
            for job in jobs:
                yield job
            last = jobs[-1]

    async def _photos(self, job: Job) -> list[tuple[JobFile, Path]]:
        """The job's photos that were filed in done/, with their paths. An archive is never emptied."""
        if job.filed_as is None or recipe_of(job).delivery.originals is Originals.ARCHIVE:
            return []
        folder = originals_folder(self.places.done, safe_name(job.project), job.filed_as)
        files = await self.store_thread(self.store.files, job.id)
        return [(file, folder / file.name) for file in files if file.role == FileRole.PHOTO]

    async def _photos_there(self, job: Job) -> list[tuple[JobFile, Path]]:
        photos = await self._photos(job)
        # One that is marked as deleted and still there was about to go when a process was killed.
        return await to_thread.run_sync(lambda: [one for one in photos if one[1].is_file()])

    async def _originals(self, job: Job, now: datetime, *, dry_run: bool) -> AsyncIterator[Expired]:
        photos = await self._photos_there(job)
        doubt = await self._doubt(job) if photos else ""
        deleted = False
        for photo, path in photos:
            why = doubt or await to_thread.run_sync(unlike, path, photo.sha256)
            if not why and not dry_run:
                # Recorded first, so that a receipt never misses a deletion.
                await self.store_thread(self.store.let_go, job.id, photo.name, now)
                why = await to_thread.run_sync(deleted_or_why, path, photo.sha256)
                if why:
                    await self.store_thread(self.store.let_go, job.id, photo.name, None)
            deleted |= not why
            yield Expired(KeptKind.ORIGINAL, path, photo.size_bytes, why)
        if deleted and not dry_run:
            await self._tell_in_receipt(job)
            await to_thread.run_sync(drop_empty_folder, photos[0][1].parent)

    async def _doubt(self, job: Job) -> str:
        pictures = await self.store_thread(self.store.pictures, job.id)
        if doubt := await doubt_of_originals(pictures, self.places, self.decoder, self.limits):
            return doubt
        path = self.places.done / job.receipt
        changed = await to_thread.run_sync(unlike, path, job.receipt_sha256)
        return "the receipt of its set is not as it was put there" if changed or not job.receipt else ""

    async def _tell_in_receipt(self, job: Job) -> None:
        files = await self.store_thread(self.store.files, job.id)
        path, sharing = self.places.done / job.receipt, await to_thread.run_sync(self.places.sharing, job)
        told = await to_thread.run_sync(originals_told, path) or ReceiptOriginals(
            rule=recipe_of(job).delivery.originals,
            folder=f"{safe_name(job.project)}/originals/{job.filed_as}",
        )
        # Those that somebody removed before they were filed are let go of as well.
        gone = [printable(file.name) for file in files if file.let_go_at is not None]
        deleted = tuple(name for name in gone if name not in told.removed)
        originals = told.model_copy(update={"deleted": deleted})
        complete = partial(complete_receipt, path, originals, sha256=job.receipt_sha256, shared=sharing)
        sha256 = await to_thread.run_sync(complete)
        if sha256 is not None:
            await self.store_thread(self.store.change, job.id, receipt_sha256=sha256)
            job.receipt_sha256 = sha256

    async def _receipt(
        self, job: Job, policy: RetentionPolicy, gone: Set[Path], *, dry_run: bool
    ) -> AsyncIterator[Expired]:
        path = self.places.done / job.receipt
        if not job.receipt or not await to_thread.run_sync(path.is_file):
            return
        size_bytes = await to_thread.run_sync(lambda: path.stat().st_size)
        why = await to_thread.run_sync(unlike, path, job.receipt_sha256)
        there = {photo for _, photo in await self._photos_there(job)} - gone
        if not why and policy.originals is not None and there:
            why = "its originals are still there, and are never deleted without it"
        if not why and not dry_run:
            why = await to_thread.run_sync(deleted_or_why, path, job.receipt_sha256)
            if not why:
                await self.store_thread(self.store.change, job.id, receipt="", receipt_sha256="")
        yield Expired(KeptKind.RECEIPT, path, size_bytes, why)

    async def _results(
        self, policy: RetentionPolicy, now: datetime, *, dry_run: bool
    ) -> AsyncIterator[Expired]:
        """The purchase stays: a job that needs its result fetches it again."""
        if policy.results is None:
            return
        oldest = (now - policy.results).timestamp()
        old = await to_thread.run_sync(older_files, self.places.results, oldest)
        if not old:
            return
        needed = await self.store_thread(needed_results, self.store, self.ledger)
        spared = dict.fromkeys(needed, "a set that isn't done may need it")
        spared |= await self._not_as_delivered(frozenset(path.name for path, _ in old) - needed)
        for path, size_bytes in old:
            why = spared.get(path.name, "")
            if not why:
                known = await self.store_thread(self.ledger.result_named, path.name)
                why = "nothing is known of it"
                if known:
                    why = await to_thread.run_sync(unlike, path, known.sha256)
                if known and not why and not dry_run:
                    why = await to_thread.run_sync(deleted_or_why, path, known.sha256)
            yield Expired(KeptKind.RESULT, path, size_bytes, why)

    async def _not_as_delivered(self, results: frozenset[str]) -> dict[str, str]:
        """Those of these results whose pictures aren't in done/ as they were delivered, and why: the result
        may be all that is left of what was paid for."""
        spared: dict[str, str] = {}
        async for job in self._done():
            if used := results & await self.store_thread(results_of, self.store, self.ledger, job):
                pictures = await self.store_thread(self.store.pictures, job.id)
                doubt = await doubt_of_pictures(pictures, self.places, self.decoder, self.limits)
                spared |= dict.fromkeys(used, doubt) if doubt else {}
        return spared

    async def _records(
        self, policy: RetentionPolicy, now: datetime, gone: Set[Path], *, dry_run: bool
    ) -> AsyncIterator[Expired]:
        """Project by project: what is numbered in one keeps its number for as long as it has records."""
        if policy.records is None:
            return
        for project in await self.store_thread(finished_projects, self.store, now - policy.records):
            jobs = await self.store_thread(jobs_of, self.store, project)
            why = await self._lies_in_inbox(project)
            for job in jobs:
                if not why and job.state == State.DONE:
                    why = await self._needed(job, policy, gone)
            if why or dry_run or await self.store_thread(delete_records, self.store, self.ledger, jobs, now):
                yield Expired(KeptKind.RECORD, self.places.done / safe_name(project), 0, why)

    async def _needed(self, job: Job, policy: RetentionPolicy, gone: Set[Path]) -> str:
        """Which deletion still needs the job's record. The store is believed, and not what is seen of done/,
        whose disk may be gone."""
        what = f"{job.shown_folder} of {job.project}"
        photos = {path for file, path in await self._photos(job) if file.let_go_at is None}
        if policy.originals is not None and photos - gone:
            return f"the originals of {what} have to go first"
        if policy.receipts is not None and job.receipt and self.places.done / job.receipt not in gone:
            return f"the receipt of {what} has to go first"
        bought = await self.store_thread(results_of, self.store, self.ledger, job)
        results = {self.places.results / name for name in bought} - gone
        if policy.results is not None and await to_thread.run_sync(lambda: any(map(Path.is_file, results))):
            return f"what was bought for {what} has to go first"
        return ""

    async def _lies_in_inbox(self, project: str) -> str:
        """A photo that is held since its set is paid for would become a set of its own, and be paid for, once
        nobody remembers that set."""
        for inbox in self.places.inboxes.values():
            try:
                await patiently(inbox, self.confirm_inbox, inbox)
                if await patiently(inbox, holds_photos, inbox / project):
                    return "photos of it lie in the inbox"
            except LocalTrouble as error:
                return f"what lies in the inbox can't be told: {error.message}"
        return ""


async def doubt_of_pictures(
    pictures: Iterable[Picture], places: Places, decoder: Decoder, limits: PictureLimits
) -> str:
    """Why these pictures aren't as they were delivered; empty where each lies in done/ with the hash that was
    recorded, and decodes to its end."""
    for picture in pictures:
        try:
            facts = await decoder.inspect(places.done / picture.path, limits)
        except UnusablePhoto:
            return f"the picture {picture.path} can't be read where it was put"
        if facts.sha256 != picture.sha256:
            return f"the picture {picture.path} has changed since it was put there"
    return ""


async def doubt_of_originals(
    pictures: Collection[Picture], places: Places, decoder: Decoder, limits: PictureLimits
) -> str:
    """Why these pictures, all that are recorded of a job, don't allow its originals to be deleted; empty
    where they do. What shows the room as it was must never be deleted with the last of them."""
    if not pictures:
        return "no picture of the set is recorded"
    if all(picture.altered or picture.rendition for picture in pictures):
        return "every picture of the set is altered, and only the originals show the room as it was"
    return await doubt_of_pictures(pictures, places, decoder, limits)


def results_of(store: Store, ledger: Ledger, job: Job) -> frozenset[str]:
    """Names of the results that a job has bought or reuses."""
    photos = [file.sha256 for file in store.files(job.id) if file.role == FileRole.PHOTO]
    chain = read_chain(ledger, job.origin, photos, recipe_of(job), job.generation)
    return frozenset(result.file for link in chain for result in link.results)


def needed_results(store: Store, ledger: Ledger) -> frozenset[str]:
    """Results of jobs that aren't done; of failed ones too, since their photos may be dropped again."""
    names: set[str] = set()
    for job in store.in_states([*ACTIVE, State.FAILED, State.NEEDS_ATTENTION]):
        names |= results_of(store, ledger, job)
    return frozenset(names)


def finished_projects(store: Store, before: datetime) -> list[str]:
    """Projects whose every job was finished before that moment, with no purchase in doubt."""
    with store.session() as session:
        waiting = select(Job.project).where(col(Job.state).not_in(FINISHED))
        in_doubt = select(Purchase.project).where(col(Purchase.state).not_in(SETTLED))
        statement = (
            select(Job.project)
            .where(col(Job.project).not_in(waiting), col(Job.project).not_in(in_doubt))
            .group_by(col(Job.project))
            .having(func.max(Job.updated_at) < before)
            .order_by(col(Job.project))
        )
        return list(session.exec(statement).all())


def jobs_of(store: Store, project: str) -> list[Job]:
    """All recorded jobs of a project, from whichever inbox."""
    with store.session() as session:
        return list(session.exec(select(Job).where(Job.project == project)).all())


def delete_records(store: Store, ledger: Ledger, jobs: Sequence[Job], at: datetime) -> bool:
    """Delete these jobs, all of one project; False, with nothing changed, where by now the project has others
    or one of them has moved. Their purchases stay, and say since when their job has no record."""
    ids = [job.id for job in jobs]
    uids: list[str] = []
    with store.session.begin() as session:
        there = select(Job.id, Job.state).where(col(Job.project).in_({job.project for job in jobs}))
        if {(job.id, job.state) for job in jobs} != set(session.exec(there).all()):
            return False
        for job in jobs:
            if job.generation and job.scope:  # how often these photos were bought anew
                number, _ = bought_generation(session, job.scope)
                generation_row(session, job.scope).number = number
        for some in batches(ids):
            own = col(Purchase.job_id).in_(some)
            uids += session.exec(select(Purchase.uid).where(own).order_by(col(Purchase.id))).all()
            session.exec(update(Purchase).where(own).values(job_let_go_at=at))
            for table in (JobFile, Picture, JobEvent):
                session.exec(delete(table).where(col(table.job_id).in_(some)))
            session.exec(delete(Job).where(col(Job.id).in_(some)))
    store.changes += 1
    # Where the process ends before these lines are written, the next start writes them.
    ledger.write_down_anew(uids)
    return True


def older_files(folder: Path, oldest: float) -> list[tuple[Path, int]]:
    """The files last written before `oldest` (seconds since 1970), by name, with their sizes in bytes."""
    with local_trouble(folder):
        facts = [(path, path.lstat()) for path in sorted(folder.iterdir()) if path.is_file()]
    return [(path, seen.st_size) for path, seen in facts if seen.st_mtime < oldest]


def holds_photos(folder: Path) -> bool:
    """Whether photos lie in it, at any depth; hidden ones aside. Raises LocalTrouble."""

    def unless_missing(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    with local_trouble(folder):
        names = (name for *_, files in os.walk(folder, onerror=unless_missing) for name in files)
        return any(name[0] != "." and is_photo_name(name) for name in names)
