"""Moving a set's files into a folder of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hotfolder import log
from hotfolder.errors import SetChanged
from hotfolder.jobs.checkpoints import Checkpoint
from hotfolder.jobs.tables import Job
from hotfolder.jobs.tools import Tools, identity_of
from hotfolder.outbox.names import folded, safe_name
from hotfolder.outbox.placing import move, reserve_folder

logger = log.get("moving")


async def reserve(tools: Tools, job: Job, parent: Path) -> Job:
    """Record a folder name that no other job has. Projects and folders that are spelt differently, or lie in
    different inboxes, may ask for the same one at the same time."""

    def same_project(project: str) -> bool:
        return folded(safe_name(project)) == folded(safe_name(job.project))

    async with tools.locks.hold("folder names"):
        taken = await tools.desk(tools.store.folders_taken, same_project)
        name = await asyncio.to_thread(reserve_folder, parent, safe_name(job.shown_folder), taken=taken)
        return await tools.desk(tools.store.change, job.id, filed_as=name)


async def move_files(tools: Tools, job: Job, parent: Path) -> Path:
    """Move every file that the job still has into a folder of its own below `parent`; returns the folder.

    The folder's name is recorded before it is made, so that a second attempt goes on in the same one. A
    file that was rewritten after its set had settled isn't ours to move: it stays, and starts a new set.
    """
    if job.filed_as is None:
        job = await reserve(tools, job, parent)
        tools.passing(Checkpoint.FOLDER_RESERVED)
    assert job.filed_as is not None
    target = parent / job.filed_as
    sharing = await asyncio.to_thread(tools.places.sharing, job)
    for file in await tools.desk(tools.store.files, job.id):
        if file.let_go_at is not None:
            continue
        source = tools.places.folder(job) / file.name
        try:
            await asyncio.to_thread(
                move, source, target / file.name, expected=identity_of(file), shared=sharing
            )
        except SetChanged as error:
            await tools.confirm_gone(job)
            logger.warning("original_left_in_inbox", file=file.name, reason=error.message)
        tools.passing(Checkpoint.ORIGINAL_MOVED)
    return target
