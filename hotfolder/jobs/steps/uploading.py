"""Queued and uploading: everything that is free and comes before the merge."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hotfolder.errors import BadJob, BadWorld, HotfolderError, SetChanged, TooManyRequests
from hotfolder.jobs.checkpoints import Checkpoint
from hotfolder.jobs.keys import merge_key
from hotfolder.jobs.states import Event
from hotfolder.jobs.tables import Job, JobFile
from hotfolder.jobs.tools import Rank, Tools, identity_of, photo_rank, recipe_of
from hotfolder.rules.sets import FileIdentity, sent_name
from hotfolder.stager.answers import UploadSlot
from hotfolder.stager.refusals import UrlExpired

PUT_ATTEMPTS = 3
"""How often one signed URL is used. Repeating a PUT replaces the same image; a second URL would add one."""


async def begin(tools: Tools, job: Job) -> None:
    """A queued job: to the merge at once when that is remembered, else to uploading."""
    recipe = recipe_of(job)
    if not recipe.merge:
        await tools.desk(tools.store.advance, job.id, Event.EDIT, tools.clock.now())
        return
    hashes = [file.sha256 for file in await tools.photos(job)]
    key = merge_key(job.origin, hashes, recipe.hdr, job.generation)
    held = await tools.desk(tools.ledger.known, key)
    event = Event.MERGE if held else Event.UPLOAD
    await tools.desk(tools.store.advance, job.id, event, tools.clock.now())


async def upload(tools: Tools, job: Job) -> None:
    """Open a new group and put every photo into it.

    Whatever goes wrong abandons the group, since a photo that may or may not be in it can't be taken
    out again; groups and uploads are free.
    """
    project_id = await api_project(tools, job)
    async with tools.gate:
        group_id = await tools.client.create_group(project_id, recipe_of(job).hdr)
    tools.passing(Checkpoint.GROUP_CREATED)
    folder = tools.places.folder(job)
    try:
        async with asyncio.TaskGroup() as uploads:
            for position, file in enumerate(await tools.photos(job), start=1):
                uploads.create_task(
                    upload_photo(tools, photo_rank(job), project_id, group_id, position, folder, file)
                )
    except BaseExceptionGroup as group:
        raise worst(group) from None
    await tools.desk(
        tools.store.advance,
        job.id,
        Event.MERGE,
        tools.clock.now(),
        group_id=group_id,
        api_project_id=project_id,
    )
    tools.passing(Checkpoint.GROUP_COMPLETE)


async def api_project(tools: Tools, job: Job) -> str:
    """The API's id of the job's project folder, made at the folder's first job."""
    async with tools.locks.hold(f"project {job.inbox}/{job.project}"):
        known = await tools.desk(tools.store.api_project, tools.origin, job.inbox, job.project)
        if known is not None:
            return known
        async with tools.gate:
            api_id = await tools.client.create_project(job.title)
        tools.passing(Checkpoint.PROJECT_CREATED)
        await tools.desk(tools.store.remember_api_project, tools.origin, job.inbox, job.project, api_id)
        tools.passing(Checkpoint.PROJECT_REMEMBERED)
        return api_id


async def upload_photo(
    tools: Tools, rank: Rank, project_id: str, group_id: str, position: int, folder: Path, file: JobFile
) -> None:
    """Put one photo into the group, under a name of our own making."""
    photo = folder / file.name
    # The address is asked for outside of the turn: the line must not idle for its round trip.
    async with tools.slots.addresses.turn(rank):
        await asyncio.to_thread(refuse_changed, photo, identity_of(file))
        slot = await upload_slot(tools, project_id, group_id, sent_name(position, file.format))
    async with tools.slots.uploads.turn(rank):
        for attempt in range(1, PUT_ATTEMPTS + 1):
            try:
                async with tools.gate:
                    await tools.storage.put(slot.url, photo, size_bytes=file.size_bytes)
                tools.counts.bytes_up(file.size_bytes)
                break
            except UrlExpired:
                raise
            except BadWorld:
                if attempt == PUT_ATTEMPTS:
                    raise
        await asyncio.to_thread(refuse_changed, photo, identity_of(file))
        tools.passing(Checkpoint.PHOTO_UPLOADED)


async def upload_slot(tools: Tools, project_id: str, group_id: str, name: str) -> UploadSlot:
    """A signed URL for one photo. Asked again only after 429, which leaves no image behind in the group."""
    while True:
        try:
            async with tools.gate:
                return await tools.client.upload_slot(project_id, group_id, name)
        except TooManyRequests:
            continue  # the gate decides when to ask again


def refuse_changed(photo: Path, expected: FileIdentity) -> None:
    """Raise SetChanged when the file is gone or is not the one that had settled."""
    try:
        seen = photo.lstat()
    except FileNotFoundError:
        raise SetChanged(f"{photo.name} is gone") from None
    if FileIdentity(seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino) != expected:
        raise SetChanged(f"{photo.name} was changed after its set had settled")


def worst(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error of several that decides: a changed set before a bad job before a bad world."""
    leaves = [error for error in group.exceptions if isinstance(error, HotfolderError)]
    for kind in (SetChanged, BadJob, BadWorld):
        for error in leaves:
            if isinstance(error, kind):
                return error
    return group.exceptions[0]
