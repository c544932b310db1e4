"""Moving a set's files into a folder of its own."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event

from hotfolder import log
from hotfolder.errors import SetChanged
from hotfolder.jobs.checkpoints import Checkpoint
from hotfolder.jobs.tables import Job, JobFile
from hotfolder.jobs.tools import Tools, identity_of
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.linking import status, sync_folder
from hotfolder.outbox.names import folded, safe_name
from hotfolder.outbox.placing import move, reserve_folder
from hotfolder.outbox.temporary import sha256_of
from hotfolder.rules.sets import FileIdentity

logger = log.get("moving")

REMOVED = "removed before"
"""In what is said of originals that somebody has taken away."""


async def reserve(tools: Tools, job: Job, parent: Path) -> Job:
    """Record a folder name that no other job has. Projects and folders that are spelt differently, or lie in
    different inboxes, may ask for the same one at the same time."""

    def same_project(project: str) -> bool:
        return folded(safe_name(project)) == folded(safe_name(job.project))

    async with tools.locks.hold("folder names"):
        taken = await tools.desk(tools.store.folders_taken, same_project)
        name = await asyncio.to_thread(reserve_folder, parent, safe_name(job.shown_folder), taken=taken)
        return await tools.desk(tools.store.change, job.id, filed_as=name)


async def move_files(
    tools: Tools, job: Job, files: Sequence[JobFile], parent: Path
) -> tuple[Path, list[JobFile]]:
    """Move each of the job's `files` that was not let go of into a folder of its own below `parent`; returns
    the folder, and those that somebody has removed before that: the store knows then that they are gone.

    The folder's name is recorded before it is made, so that a second attempt goes on in the same one. A
    photo that was touched or copied once more, and holds the same bytes, is still the one that was paid for.
    A file that was rewritten after its set had settled isn't ours to move: it stays, and starts a new set.
    """
    if job.filed_as is None:
        job = await reserve(tools, job, parent)
        tools.passing(Checkpoint.FOLDER_RESERVED)
    assert job.filed_as is not None
    target = parent / job.filed_as
    here = [file for file in files if file.let_go_at is None]
    enough = Event()
    try:
        await asyncio.to_thread(move_each, tools, job, here, target, enough)
    finally:
        enough.set()
    gone = await asyncio.to_thread(removed, tools, job, here, target)
    for file in gone:
        await tools.desk(tools.store.let_go, job.id, file.name, tools.clock.now())
    return target, gone


def removed(tools: Tools, job: Job, files: Sequence[JobFile], target: Path) -> list[JobFile]:
    """Those that are neither where they were dropped nor in the folder `target`, though both can be seen."""
    with local_trouble(target):
        tools.places.guard(target)
        folder = tools.places.folder(job)
        gone = [file for file in files if not status(target / file.name) and not status(folder / file.name)]
    if gone:
        tools.confirm_inbox(tools.places.inbox(job))
    return gone


def removed_words(gone: int, total: int) -> str:
    """A sentence on originals that somebody has removed; "" where none were."""
    if not gone:
        return ""
    which = f"The {total} originals" if total > 1 else "The original"
    if gone < total:
        which = f"{gone} of the {total} originals"
    return (
        f"{which} {'was' if gone == 1 else 'were'} {REMOVED} {'it' if gone == 1 else 'they'} could be filed."
    )


def identity_as_it_is(path: Path, file: JobFile) -> FileIdentity:
    """What identifies a file of a set now: what did when the set had settled, unless it was written since and
    holds the same bytes."""
    known = identity_of(file)
    with local_trouble(path):
        found = status(path)
        if found is None or not file.sha256 or not stat.S_ISREG(found.st_mode):
            return known
        now = FileIdentity.of(found)
        same = (now.size_bytes, now.mtime_ns, now.inode) == (known.size_bytes, known.mtime_ns, known.inode)
        if same or now.size_bytes != known.size_bytes or sha256_of(path) != file.sha256:
            return known
        return now


def move_each(tools: Tools, job: Job, files: Sequence[JobFile], target: Path, enough: Event) -> None:
    """Move the files one after the other, until it is `enough`: their folders are synced once for all."""
    sharing = tools.places.sharing(job)
    folders: dict[Path, None] = {}
    try:
        for file in files:
            if enough.is_set():
                return
            source, moved = tools.places.folder(job) / file.name, target / file.name
            expected = identity_as_it_is(source, file)
            try:
                move(source, moved, expected=expected, shared=sharing, sync=folders.setdefault)
            except SetChanged as error:
                tools.confirm_inbox(tools.places.inbox(job))
                logger.warning("original_left_in_inbox", file=file.name, reason=error.message)
            tools.passing(Checkpoint.ORIGINAL_MOVED)
    finally:
        with local_trouble(target):
            for folder in folders:
                with suppress(FileNotFoundError):  # somebody takes folders away that are empty by now
                    sync_folder(folder)
