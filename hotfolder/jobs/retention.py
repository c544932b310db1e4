"""What is let go of after so many days: originals, receipts and bought results, each only behind a proof.

Before anything goes it is read again, and is what was recorded; before originals go, so are the pictures made
of them. What somebody may still need so as not to pay twice stays, however old: the results of every set that
isn't done, or whose pictures aren't in done/ as they were delivered, and the ledger, unless the settings say
that purchases are forgotten.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Set
from datetime import datetime
from pathlib import Path

from hotfolder import log
from hotfolder.errors import LocalTrouble, SetChanged
from hotfolder.jobs.compaction import compact
from hotfolder.jobs.due import Due, Keep, Kind
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.proof import doubt_of_originals, doubt_of_pictures
from hotfolder.jobs.purchases import Purchases
from hotfolder.jobs.records import Household, Records, results_of
from hotfolder.jobs.states import ACTIVE, State
from hotfolder.jobs.store import Store
from hotfolder.jobs.tables import FileRole, Job, JobFile
from hotfolder.jobs.tools import recipe_of
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.layout import originals_folder
from hotfolder.outbox.names import safe_name
from hotfolder.outbox.receipts import ReceiptOriginals, complete_receipt
from hotfolder.outbox.removing import remove
from hotfolder.outbox.temporary import sha256_of
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import PictureLimits
from hotfolder.rules.delivery import Originals

logger = log.get("retention")

PAGE = 200
"""So many jobs are held in memory at once."""


class Retention:
    """What is due, and letting go of it. Safe beside a working daemon: only sets that are done count."""

    def __init__(self, house: Household, decoder: Decoder, limits: PictureLimits) -> None:
        self._house = house
        self._decoder = decoder
        self._limits = limits

    async def clean(self, keep: Keep, now: datetime, *, dry_run: bool) -> AsyncIterator[Due]:
        """Everything that is due, each file read again; with `dry_run` nothing is changed, else each file
        that goes is gone when it is said. At the end the ledger's file is written anew where that is worth
        it. Raises LocalTrouble."""
        let_go: set[Path] = set()
        async for due in self._files(keep, now, dry_run=dry_run):
            let_go |= set() if due.kept_because else {due.path}
            yield due
        async for due in self._remembered(keep, now, let_go, dry_run=dry_run):
            yield due

    async def _files(self, keep: Keep, now: datetime, *, dry_run: bool) -> AsyncIterator[Due]:
        async for job in self._done():
            done_at = datetime.fromisoformat(job.finished_at or job.updated_at)
            gone: set[Path] = set()
            if keep.originals is not None and done_at + keep.originals <= now:
                async for due in self._originals(job, now, dry_run=dry_run):
                    gone |= set() if due.kept_because else {due.path}
                    yield due
            if keep.receipts is not None and done_at + keep.receipts <= now:
                async for due in self._receipt(job, keep, gone, dry_run=dry_run):
                    yield due
        if keep.results is not None:
            async for due in self._results((now - keep.results).timestamp(), dry_run=dry_run):
                yield due

    async def _remembered(
        self, keep: Keep, now: datetime, let_go: Set[Path], *, dry_run: bool
    ) -> AsyncIterator[Due]:
        """What goes from the store, and at the end from the ledger's file. Purchases come first: those of a
        record that goes now are due the next time, and a dry run says what a run would do."""
        stale = False
        async for due in Purchases(self._house).clean(keep, now, dry_run=dry_run):
            stale |= not due.kept_because
            yield due
        async for due in Records(self._house).clean(keep, now, let_go, dry_run=dry_run):
            stale |= not due.kept_because
            yield due
        file = self._house.ledger.file
        if file is not None and not dry_run and (stale or file.mostly_stale):
            with local_trouble(file.path):
                await asyncio.to_thread(compact, file, self._house.passing)

    async def _done(self) -> AsyncIterator[Job]:
        """All jobs that are done, oldest first; not all of them in memory at once."""
        last: Job | None = None
        while jobs := await self._house.desk(self._house.store.page, State.DONE, last, PAGE):
            for job in jobs:
                yield job
            last = jobs[-1]

    async def _photos_there(self, job: Job) -> list[tuple[JobFile, Path]]:
        """The photos of a job that lie in done/ still. The archive is none of ours to empty."""
        if job.filed_as is None or recipe_of(job).delivery.originals is Originals.ARCHIVE:
            return []
        folder = originals_folder(self._house.places.done, safe_name(job.project), job.filed_as)
        files = await self._house.desk(self._house.store.files, job.id)
        # One that was let go of and is here nevertheless was about to go when a process was killed.
        paths = [(file, folder / file.name) for file in files if file.role == FileRole.PHOTO]
        return await asyncio.to_thread(lambda: [one for one in paths if one[1].is_file()])

    async def _originals(self, job: Job, now: datetime, *, dry_run: bool) -> AsyncIterator[Due]:
        photos = await self._photos_there(job)
        doubt = await self._doubt(job) if photos else ""
        gone = 0
        for photo, path in photos:
            why = doubt or await asyncio.to_thread(unlike, path, photo.sha256)
            if not why and not dry_run:
                why = await self._let_go(job, photo, path, now)
            gone += not why
            yield Due(Kind.ORIGINAL, path, photo.size_bytes, why)
        if gone and not dry_run:
            await self._tell_in_receipt(job)
            await asyncio.to_thread(drop_empty_folder, photos[0][1].parent)

    async def _let_go(self, job: Job, photo: JobFile, path: Path, now: datetime) -> str:
        """Delete a photo, which is written down first; or say why it stays."""
        await self._house.desk(self._house.store.let_go, job.id, photo.name, now)
        try:
            await asyncio.to_thread(remove, path, sha256=photo.sha256)
        except (SetChanged, LocalTrouble) as error:
            await self._house.desk(self._house.store.let_go, job.id, photo.name, None)
            return error.message
        return ""

    async def _doubt(self, job: Job) -> str:
        """Why the pictures are no reason to let go of what they were made of."""
        pictures = await self._house.desk(self._house.store.pictures, job.id)
        doubt = await doubt_of_originals(pictures, self._house.places, self._decoder, self._limits)
        if doubt:
            return doubt
        path = self._house.places.done / job.receipt
        unlike_recorded = await asyncio.to_thread(unlike, path, job.receipt_sha256)
        if not job.receipt or unlike_recorded:
            return "the receipt of its set is not as it was put there"
        return ""

    async def _tell_in_receipt(self, job: Job) -> None:
        files = await self._house.desk(self._house.store.files, job.id)
        path = self._house.places.done / job.receipt
        originals = ReceiptOriginals(
            rule=recipe_of(job).delivery.originals,
            folder=f"{safe_name(job.project)}/originals/{job.filed_as}",
            deleted=tuple(file.name for file in files if file.let_go_at is not None),
        )
        sharing = await asyncio.to_thread(self._house.places.sharing, job)
        sha256 = await asyncio.to_thread(
            complete_receipt, path, originals, sha256=job.receipt_sha256, shared=sharing
        )
        if sha256 is not None:
            await self._house.desk(self._house.store.change, job.id, receipt_sha256=sha256)
            job.receipt_sha256 = sha256

    async def _receipt(self, job: Job, keep: Keep, gone: Set[Path], *, dry_run: bool) -> AsyncIterator[Due]:
        """`gone` are the originals that went just now, or would have."""
        path = self._house.places.done / job.receipt
        if not job.receipt or not await asyncio.to_thread(path.is_file):
            return
        why = await asyncio.to_thread(unlike, path, job.receipt_sha256)
        there = {photo for _, photo in await self._photos_there(job)} - gone
        if not why and keep.originals is not None and there:
            why = "its originals are here still, and are never let go of without it"
        size_bytes = await asyncio.to_thread(lambda: path.stat().st_size)
        if not why and not dry_run:
            why = await asyncio.to_thread(removed, path, job.receipt_sha256)
            if not why:
                await self._house.desk(self._house.store.change, job.id, receipt="", receipt_sha256="")
        yield Due(Kind.RECEIPT, path, size_bytes, why)

    async def _results(self, oldest: float, *, dry_run: bool) -> AsyncIterator[Due]:
        """The ledger still knows that they were bought: a set that needs one fetches it again."""
        old = await asyncio.to_thread(older_files, self._house.places.results, oldest)
        if not old:
            return
        needed = await self._house.desk(needed_results, self._house.store, self._house.ledger)
        spared = dict.fromkeys(needed, "a set that isn't done may need it")
        spared |= await self._not_as_delivered(frozenset(path.name for path, _ in old) - needed)
        for path, size_bytes in old:
            if path.name in spared:
                yield Due(Kind.RESULT, path, size_bytes, spared[path.name])
                continue
            known = await self._house.desk(self._house.ledger.result_named, path.name)
            why = await asyncio.to_thread(unlike, path, known.sha256) if known else "nothing is known of it"
            if not why and known and not dry_run:
                why = await asyncio.to_thread(removed, path, known.sha256)
            yield Due(Kind.RESULT, path, size_bytes, why)

    async def _not_as_delivered(self, results: frozenset[str]) -> dict[str, str]:
        """Those of these results that sets which are done were made of, where a picture of the set isn't in
        done/ as it was delivered, with that reason: the result may be all that is left of what was paid."""
        spared: dict[str, str] = {}
        async for job in self._done():
            used = results & await self._house.desk(results_of, self._house.store, self._house.ledger, job)
            if used:
                pictures = await self._house.desk(self._house.store.pictures, job.id)
                doubt = await doubt_of_pictures(pictures, self._house.places, self._decoder, self._limits)
                spared |= dict.fromkeys(used, doubt) if doubt else {}
        return spared


def needed_results(store: Store, ledger: Ledger) -> frozenset[str]:
    """Names of the results that sets have bought or reuse which are not done: also of those that failed,
    since they may be dropped again, and nobody knows whether what they bought can still be fetched."""
    names: set[str] = set()
    for job in store.in_states([*ACTIVE, State.FAILED, State.NEEDS_ATTENTION]):
        names |= results_of(store, ledger, job)
    return frozenset(names)


def older_files(folder: Path, oldest: float) -> list[tuple[Path, int]]:
    """The files last written before `oldest` (seconds since 1970), by name, with their sizes."""
    with local_trouble(folder):
        facts = [(path, path.lstat()) for path in sorted(folder.iterdir()) if path.is_file()]
    return [(path, seen.st_size) for path, seen in facts if seen.st_mtime < oldest]


def unlike(path: Path, sha256: str) -> str:
    """Why the file isn't the one with that hash; empty where it is."""
    with local_trouble(path):
        if path.is_symlink() or not path.is_file():
            return "it isn't there any more"
        return "" if sha256_of(path) == sha256 else "it has changed since it was put there"


def removed(path: Path, sha256: str) -> str:
    """Delete the file if it has that hash; or why it stays."""
    try:
        remove(path, sha256=sha256)
    except (SetChanged, LocalTrouble) as error:
        return error.message
    return ""


def drop_empty_folder(folder: Path) -> None:
    """Remove it unless something is in it, such as a sidecar."""
    try:
        folder.rmdir()
    except OSError as error:
        logger.debug("folder_stays", folder=str(folder), reason=error.strerror or str(error))
