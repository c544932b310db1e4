"""Merges in the background, one at a time, in FIFO order."""

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
    """Do the requested merges until cancelled. A group that is being merged then stays `processing`, and is
    merged after the next start."""
    records = sandbox.records
    while True:
        sandbox.merge_asked.clear()
        try:
            while (group := records.next_to_merge()) is not None:
                records.finish_merge(group.id, await merge(sandbox, group))
        except (OSError, sqlite3.Error):
            # For example a full disk. The group stays `processing`, and its merge is retried.
            logger.exception("the sandbox can't go on merging")
            await asyncio.sleep(RETRY_SECONDS)
            continue
        await sandbox.merge_asked.wait()


async def merge(sandbox: Sandbox, group: Group) -> str | None:
    """Make the group's picture. Returns None, or why it failed."""
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
            # The engine's message has the photo's name in the store; the caller knows the name that it gave.
            message = message.replace(photo.object, photo.filename)
        logger.warning("merge of group %s failed: %s", group.id, message)
        return f"the merge failed: {message}"
    finally:
        part.unlink(missing_ok=True)


def result_name(group: str) -> str:
    return f"{group}.jpg"
