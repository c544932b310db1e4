"""Retention: deletes originals, receipts, bought results and records that are older than the `keep` settings.

Before a file is deleted, its hash must match the recorded one; before originals are deleted, the pictures
made of them must lie in done/ as delivered; nothing is deleted where a link leads; a job whose photos are
younger than its recorded end, as after a wrong clock, is not old; and before the first deletion the API is
asked what time it is. Purchases and the journal are never deleted.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal

from anyio import to_thread

from hotfolder.blocking import call_in_thread
from hotfolder.errors import HotfolderError, LocalTrouble, StoreAway
from hotfolder.jobs.context import Places, chain_of, recipe_of
from hotfolder.jobs.database import StoreThread
from hotfolder.jobs.model import Job, JobFile
from hotfolder.jobs.states import ACTIVE, State
from hotfolder.jobs.store import Store
from hotfolder.jobs.verify import why_not_as_delivered, why_not_deletable
from hotfolder.outbox.faults import local_trouble, path_text, trouble_of
from hotfolder.outbox.names import originals_folder, safe_name
from hotfolder.outbox.outputs import RESULTS_MARKER, link_between
from hotfolder.outbox.placing import content_mismatch, delete_or_reason, drop_empty_folder
from hotfolder.outbox.receipts import ReceiptOriginals, complete_receipt, printable, read_receipt
from hotfolder.paths import exists, is_dir, is_file
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import PictureLimits
from hotfolder.pictures.formats import is_photo_name
from hotfolder.rules.delivery import Keep, Originals
from hotfolder.stager.client import Probe

NEVER = datetime.min.replace(tzinfo=UTC)
EPOCH = datetime.fromtimestamp(0, UTC)
JOBS_AT_ONCE = 200
"""The number of jobs held in memory at once."""
AHEAD = timedelta(days=1)
"""How far this computer's clock may be ahead of the API's before nothing counts as old."""
KeptKind = Literal["original", "receipt", "result", "record"]


@dataclass(frozen=True, slots=True)
class Expired:
    """A file, or a project's records, past its retention. `kept_because` is why it was not deleted, "" for
    what was. The path of records is the project's folder in done/."""

    kind: KeptKind
    path: Path
    size_bytes: int
    kept_because: str = ""


@dataclass(slots=True)
class Retention:
    """One run of the retention policy. Safe beside a running daemon: it touches only finished jobs."""

    store: Store
    places: Places
    store_thread: StoreThread
    decoder: Decoder
    limits: PictureLimits
    keep: Keep
    now: datetime
    dry_run: bool
    probe: Callable[[], Awaitable[Probe]] | None
    """Asks the API, whose answer has the time; None where `now` isn't this computer's."""
    gone: set[Path] = field(default_factory=set)
    """The paths deleted so far, or with `dry_run` those that would have been."""
    doubt: str | None = None
    """Why nothing counts as old in this run, "" where it may; None until `_clock_doubt` has asked."""

    async def apply(self) -> AsyncIterator[Expired]:
        """Delete everything that is old enough, and yield each after it was deleted or kept. With `dry_run`
        nothing is changed. Idempotent, also after a crash at any step. Raises LocalTrouble."""
        for expired in (self._of_jobs, self._results, self._records):
            async for one in expired():
                if not one.kept_because:
                    self.gone.add(one.path)
                yield one

    def _before(self, days: float | None) -> datetime:
        """The moment before which a finished job is old; NEVER for None, which keeps it for ever."""
        return NEVER if days is None else self.now - timedelta(days=days)

    async def _clock_doubt(self) -> str:
        """Why this computer's clock isn't trusted with ages: it may have started with a wrong time. "" where
        it is, also where the API's answer has no time. The API is asked once a run, and only where something
        would be deleted."""
        if self.doubt is None:
            self.doubt = ""
            try:
                known = (await self.probe()).at if self.probe is not None else None
            except HotfolderError as error:
                known = None
                asked = "the API could not be asked whether this computer's clock is right"
                self.doubt = f"{asked}: {error.message}"
            if known is not None and self.now - known >= AHEAD:
                self.doubt = f"this computer's clock is {(self.now - known).days} days ahead of the API's"
        return self.doubt

    async def _of_jobs(self) -> AsyncIterator[Expired]:
        """Originals and receipts."""
        expired = (
            (self._before(self.keep.originals_days), self._originals),
            (self._before(self.keep.receipts_days), self._receipt),
        )
        async for job in self._done():
            for before, of_job in expired:
                if (job.finished_at or job.updated_at) <= before:
                    try:
                        async for one in of_job(job):
                            yield one
                    except (OSError, LocalTrouble) as error:
                        why = await self._trouble(error)
                        yield Expired("original", self.places.done / safe_name(job.project), 0, why)
                        break

    async def _trouble(self, error: OSError | LocalTrouble) -> str:
        """The trouble with the files of one job, which stay. Raises LocalTrouble where it concerns all."""
        trouble = trouble_of(error)
        if trouble is None or isinstance(trouble, StoreAway):
            raise error
        with local_trouble(self.places.done):
            await to_thread.run_sync(self.places.done.stat)
        return trouble.message

    async def _too_young(self, job: Job, days: float | None) -> str:
        """Why a job is too young although it was recorded as finished over `days` ago: the clock is wrong
        now; or its photos were taken or written later, so it was wrong then. "" where it isn't. Dates after
        now are ignored: they come from another clock."""
        if doubt := await self._clock_doubt():
            return doubt
        photos = await self.store_thread(self.store.photos, job.id)
        moments = [EPOCH + timedelta(microseconds=photo.mtime_ns // 1000) for photo in photos]
        if taken_on := recipe_of(job).taken_on:
            moments.append(datetime.fromisoformat(taken_on).replace(tzinfo=UTC))
        if not any(self._before(days) < moment <= self.now for moment in moments):
            return ""
        return f"{job.shown_folder} of {job.project} is younger than the clock said when it was finished"

    async def _done(self) -> AsyncIterator[Job]:
        last: Job | None = None
        while jobs := await self.store_thread(self.store.page, State.DONE, last, JOBS_AT_ONCE):
            for job in jobs:
                yield job
            last = jobs[-1]

    async def _photos(self, job: Job, *, there: bool = True) -> list[tuple[JobFile, Path]]:
        """The job's photos that were filed in done/, with their paths; with `there` only those that still
        exist. None for an archive, from which nothing is deleted."""
        if job.filed_as is None or recipe_of(job).delivery.originals is Originals.ARCHIVE:
            return []
        folder = originals_folder(self.places.done, safe_name(job.project), job.filed_as)
        files = await self.store_thread(self.store.photos, job.id)
        # One that is marked as deleted and still exists: its process was killed before it deleted it.
        photos = [(file, folder / file.name) for file in files]
        return await to_thread.run_sync(lambda: [one for one in photos if not there or is_file(one[1])])

    async def _delete(self, path: Path, sha256: str) -> str:
        """Delete the file if its hash matches; returns "" or why it stays. With `dry_run` only compares."""
        why = await to_thread.run_sync(content_mismatch, path, sha256)
        if not why and not self.dry_run:
            why = await to_thread.run_sync(delete_or_reason, path, sha256)
        return why

    async def _originals(self, job: Job) -> AsyncIterator[Expired]:
        doubt, link = "", await to_thread.run_sync(self._behind_link, job)
        if photos := await self._photos(job):
            pictures = await self.store_thread(self.store.pictures, job.id)
            doubt = link or await self._too_young(job, self.keep.originals_days)
            doubt = doubt or await why_not_deletable(job, pictures, self.places, self.decoder, self.limits)
        for photo, path in photos:
            why = doubt or await to_thread.run_sync(content_mismatch, path, photo.sha256)
            if not why and not self.dry_run:
                # Recorded first, so that a receipt never misses a deletion.
                await self.store_thread(self.store.record_deletion, job.id, photo.name, self.now)
                why = await to_thread.run_sync(delete_or_reason, path, photo.sha256)
                if why:
                    await self.store_thread(self.store.record_deletion, job.id, photo.name, None)
            yield Expired("original", path, photo.size_bytes, why)
        gone = [path for photo, path in await self._photos(job, there=False) if photo.let_go_at]
        # The folder goes last: one that is still there tells of a process that was killed before.
        if gone and not (link or self.dry_run) and await to_thread.run_sync(is_dir, gone[0].parent):
            await self._record_in_receipt(job)
            await to_thread.run_sync(drop_empty_folder, gone[0].parent)

    def _behind_link(self, job: Job) -> str:
        """Why nothing of a job may be deleted in done/: a link leads to its originals or its receipt; ""
        where none does."""
        done = self.places.done
        ours = [done / job.receipt, originals_folder(done, safe_name(job.project), job.filed_as or "")]
        link = next(filter(None, (link_between(done, path) for path in ours)), None)
        return f"{path_text(link)} is a link, and nothing is deleted where a link leads" if link else ""

    async def _record_in_receipt(self, job: Job) -> None:
        files = await self.store_thread(self.store.photos, job.id)
        path, sharing = self.places.done / job.receipt, await to_thread.run_sync(self.places.sharing, job)
        with local_trouble(path):
            receipt = await to_thread.run_sync(lambda: read_receipt(path) if is_file(path) else None)
        recorded = (receipt and receipt.originals) or ReceiptOriginals(
            rule=recipe_of(job).delivery.originals,
            folder=f"{safe_name(job.project)}/originals/{job.filed_as}",
        )
        # Files that somebody removed before filing have `let_go_at` set as well, but weren't deleted here.
        gone = [printable(file.name) for file in files if file.let_go_at is not None]
        deleted = tuple(name for name in gone if name not in recorded.removed)
        originals = recorded.model_copy(update={"deleted": deleted})
        complete = partial(complete_receipt, path, originals, sha256=job.receipt_sha256, shared=sharing)
        sha256 = await to_thread.run_sync(complete)
        if sha256 not in (None, job.receipt_sha256):
            await self.store_thread(self.store.set_columns, job.id, receipt_sha256=sha256)
            job.receipt_sha256 = sha256

    async def _receipt(self, job: Job) -> AsyncIterator[Expired]:
        path = self.places.done / job.receipt
        if not job.receipt or not await to_thread.run_sync(is_file, path):
            return
        size_bytes = await to_thread.run_sync(lambda: path.stat().st_size)
        why = await to_thread.run_sync(self._behind_link, job)
        there = {photo for _, photo in await self._photos(job)} - self.gone
        if not why and self.keep.originals_days is not None and there:
            why = "its originals are still there, and are never deleted without it"
        why = why or await self._too_young(job, self.keep.receipts_days)
        why = why or await self._delete(path, job.receipt_sha256)
        if not why and not self.dry_run:
            await self.store_thread(self.store.set_columns, job.id, receipt="", receipt_sha256="")
        yield Expired("receipt", path, size_bytes, why)

    async def _results(self) -> AsyncIterator[Expired]:
        """Bought pictures in results/. Their purchases stay: a job that needs one downloads it again."""
        oldest = self._before(self.keep.results_days).timestamp()
        old = await to_thread.run_sync(older_files, self.places.results, oldest)
        if not old:
            return
        needed = await self.store_thread(needed_results, self.store)
        spared = dict.fromkeys(needed, "a set that isn't done may need it")
        spared |= await self._not_as_delivered(frozenset(path.name for path, _ in old) - needed)
        for path, size_bytes in old:
            why = spared.get(path.name, "") or await self._clock_doubt()
            if not why:
                known = await self.store_thread(self.store.ledger.result_named, path.name)
                why = await self._delete(path, known.sha256) if known else "nothing is known of it"
            yield Expired("result", path, size_bytes, why)

    async def _not_as_delivered(self, results: frozenset[str]) -> dict[str, str]:
        """Of these results, those whose pictures aren't in done/ as delivered, with the reason: the result
        may be the only copy left of a paid picture."""
        spared: dict[str, str] = {}
        async for job in self._done():
            if used := results & await self.store_thread(results_of, self.store, job):
                pictures = await self.store_thread(self.store.pictures, job.id)
                doubt = await self._too_young(job, self.keep.results_days)
                try:
                    doubt = doubt or await why_not_as_delivered(
                        pictures, self.places, self.decoder, self.limits
                    )
                except LocalTrouble as error:
                    doubt = await self._trouble(error)
                spared |= dict.fromkeys(used, doubt) if doubt else {}
        return spared

    async def _records(self) -> AsyncIterator[Expired]:
        """Records, a whole project at a time, since `room_number` counts the project's jobs."""
        before = self._before(self.keep.records_days)
        for project in await self.store_thread(self.store.finished_projects, before):
            jobs = await self.store_thread(self.store.of_project, project)
            why = await self._lies_in_inbox(project)
            for job in jobs:
                why = why or await self._too_young(job, self.keep.records_days)
                if not why and job.state == State.DONE:
                    why = await self._needed(job)
            if not why and not self.dry_run:
                deleted = await self.store_thread(self.store.delete_records, jobs, self.now)
                if deleted is None:
                    continue
                # After a crash before this write, `Ledger.restore` writes the lines at the next start.
                await self.store_thread(self.store.ledger.append_again, deleted)
            yield Expired("record", self.places.done / safe_name(project), 0, why)

    async def _needed(self, job: Job) -> str:
        """Why a job's record is still needed for a later deletion; "" where it isn't. Goes by the store and
        not by what is visible in done/, whose disk may be gone."""
        keep, gone, what = self.keep, self.gone, f"{job.shown_folder} of {job.project}"
        photos = {path for file, path in await self._photos(job, there=False) if not file.let_go_at} - gone
        if keep.originals_days is not None and photos and not await self._removed_by_hand(job, photos):
            return f"the originals of {what} have to go first"
        receipt = {self.places.done / job.receipt} - gone if job.receipt else set()
        if keep.receipts_days is not None and receipt and not await self._removed_by_hand(job, receipt):
            return f"the receipt of {what} has to go first"
        bought = await self.store_thread(results_of, self.store, job)
        results = {self.places.results / name for name in bought} - gone
        left = await to_thread.run_sync(lambda: any(map(is_file, results)))
        if keep.results_days is not None and left:
            return f"what was bought for {what} has to go first"
        return ""

    async def _removed_by_hand(self, job: Job, paths: set[Path]) -> bool:
        """Whether none of a job's files is there any more, although its pictures are, as delivered: so the
        disk isn't what is gone."""
        try:
            link = await to_thread.run_sync(self._behind_link, job)
            there = await to_thread.run_sync(lambda: any(map(exists, paths)))
            if link or there:
                return False
            pictures = await self.store_thread(self.store.pictures, job.id)
            doubt = await why_not_as_delivered(pictures, self.places, self.decoder, self.limits)
            return bool(pictures) and not doubt
        except (OSError, LocalTrouble) as error:
            await self._trouble(error)
            return False

    async def _lies_in_inbox(self, project: str) -> str:
        """Why a project's records must stay for the sake of its photos in an inbox; "" where they need not. A
        late photo that is held since its set is paid for would otherwise become a new, paid set."""
        for inbox in self.places.inboxes.values():
            try:
                await call_in_thread(inbox, self.places.confirm_inbox, inbox)
                if await call_in_thread(inbox, holds_photos, inbox / project):
                    return "photos of it lie in the inbox"
            except LocalTrouble as error:
                return f"what lies in the inbox can't be told: {error.message}"
        return ""


def results_of(store: Store, job: Job) -> frozenset[str]:
    """The file names of the results that a job has bought or reuses."""
    return frozenset(result.file for step in chain_of(store, job) for result in step.results)


def needed_results(store: Store) -> frozenset[str]:
    """The results of active and failed jobs: photos of failed ones may be dropped again."""
    names: set[str] = set()
    for job in store.in_states([*ACTIVE, State.FAILED, State.NEEDS_ATTENTION]):
        names |= results_of(store, job)
    return frozenset(names)


def older_files(folder: Path, oldest: float) -> list[tuple[Path, int]]:
    """The files last written before `oldest` (seconds since 1970), sorted by name, with their sizes in bytes;
    without the folder's marker file. None where the folder is missing. Raises LocalTrouble."""
    with local_trouble(folder):
        if not is_dir(folder):
            return []
        paths = [path for path in sorted(folder.iterdir()) if path.name != RESULTS_MARKER]
        facts = [(path, path.lstat()) for path in paths if is_file(path)]
    return [(path, seen.st_size) for path, seen in facts if seen.st_mtime < oldest]


def holds_photos(folder: Path) -> bool:
    """Whether photos lie in the folder at any depth; hidden files are ignored, and a missing folder has none.
    Raises LocalTrouble."""

    def unless_missing(error: OSError) -> None:
        if not isinstance(error, FileNotFoundError):
            raise error

    with local_trouble(folder):
        names = (name for *_, files in os.walk(folder, onerror=unless_missing) for name in files)
        return any(name[0] != "." and is_photo_name(name) for name in names)
