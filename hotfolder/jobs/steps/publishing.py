"""Publishing and filing: pictures and receipt into done/, then the originals beside them."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hotfolder import log
from hotfolder.errors import SetChanged
from hotfolder.jobs.checkpoints import Checkpoint
from hotfolder.jobs.states import Event
from hotfolder.jobs.steps.bought import back_to_missing, purchases
from hotfolder.jobs.steps.delivering import deliver
from hotfolder.jobs.steps.receipting import left_out
from hotfolder.jobs.tables import Job
from hotfolder.jobs.tools import Tools, identity_of, recipe_of
from hotfolder.outbox.layout import originals_folder
from hotfolder.outbox.names import folded, safe_name
from hotfolder.outbox.placing import move, reserve_folder

logger = log.get("publishing")


async def publish(tools: Tools, job: Job) -> None:
    """Deliver everything that was bought, with its receipt."""
    if len(await purchases(tools, job)) < recipe_of(job).paid_calls():
        return await back_to_missing(tools, job)
    await deliver(tools, job)
    await tools.desk(tools.store.advance, job.id, Event.FILE, tools.clock.now())


async def file_originals(tools: Tools, job: Job) -> None:
    """Move the set's files to done/<project>/originals/<folder>/. The room's folder stays in the inbox."""
    parent = originals_folder(tools.places.done, safe_name(job.project), "")
    await move_files(tools, job, parent)
    pictures = await tools.desk(tools.store.pictures, job.id)
    reason = " ".join(left_out(recipe_of(job), pictures))
    await tools.desk(tools.store.advance, job.id, Event.FINISH, tools.clock.now(), reason=reason, hint="")
    tools.passing(Checkpoint.JOB_ENDED)


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
    """Move every file of the job into a folder of its own below `parent`; returns the folder.

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
