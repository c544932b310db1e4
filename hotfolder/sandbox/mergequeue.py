"""Merges in the background, the longest waiting first, one at a time."""

from __future__ import annotations

import asyncio
import logging
import sqlite3

from hotfolder.sandbox.imageworkers import TaskFailed, TaskRefused
from hotfolder.sandbox.objects import RESULTS, UPLOADS
from hotfolder.sandbox.projects import Group
from hotfolder.sandbox.state import Sandbox

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5


async def merge_for_ever(sandbox: Sandbox) -> None:
    """Do the merges that were asked for; cancel to stop. The group at work stays `processing`, and is merged
    after the next start."""
    records = sandbox.records
    while True:
        sandbox.merge_asked.clear()
        try:
            while (group := records.next_to_merge()) is not None:
                records.finish_merge(group.id, await merge(sandbox, group))
        except (OSError, sqlite3.Error):
            # A full disk, say. The merge stays asked for, and is tried again.
            logger.exception("the sandbox can't go on merging")
            await asyncio.sleep(RETRY_SECONDS)
            continue
        await sandbox.merge_asked.wait()


async def merge(sandbox: Sandbox, group: Group) -> str | None:
    """Make the group's picture; None when it is there, else why not."""
    objects, settings = sandbox.objects, sandbox.settings
    part = objects.part(".jpg")
    photos = [photo for photo in sandbox.records.photos(group.id) if objects.exists(UPLOADS, photo.object)]
    try:
        await sandbox.merges.run(
            "merge",
            settings.merge_delay_seconds,
            photos=[objects.path(UPLOADS, photo.object) for photo in photos],
            target=part,
            lens_correction=group.lens,
            perspective_correction=group.perspective,
            photographer_removal=group.photographer,
            long_edge=settings.long_edge,
        )
        objects.place(part, RESULTS, result_name(group.id))
        return None
    except (TaskRefused, TaskFailed) as error:
        message = str(error)
        for photo in photos:
            # The engine knows a photo by its name in the store, the caller by the name it gave.
            message = message.replace(photo.object, photo.filename)
        logger.warning("merge of group %s failed: %s", group.id, message)
        return f"the merge failed: {message}"
    finally:
        part.unlink(missing_ok=True)


def result_name(group: str) -> str:
    return f"{group}.jpg"
