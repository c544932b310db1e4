"""Merges in the background, the longest waiting first, one at a time."""

from __future__ import annotations

import asyncio
import logging
import sqlite3

from hotfolder.sandbox.objects import RESULTS, UPLOADS
from hotfolder.sandbox.records import Group
from hotfolder.sandbox.state import Sandbox
from hotfolder.sandbox.worker import TaskFailed, TaskRefused

logger = logging.getLogger(__name__)

RETRY_SECONDS = 5


class Merging:
    """Takes its work from the records, so that a merge which a stop cut short is simply run again."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def wake(self) -> None:
        """Say that a merge has been asked for. From any thread."""
        self._loop.call_soon_threadsafe(self._wake.set)

    async def run(self) -> None:
        """Merge for ever; cancel to stop. The group at work stays `processing`, for the next start."""
        while True:
            self._wake.clear()
            try:
                while await self._merge_next():
                    pass
            except (OSError, sqlite3.Error):
                # A full disk, say. The merge stays asked for, and is tried again.
                logger.exception("the sandbox can't go on merging")
                await asyncio.sleep(RETRY_SECONDS)
                continue
            await self._wake.wait()

    async def _merge_next(self) -> bool:
        """Merge the group that has waited longest; False when none waits."""
        records = self._sandbox.records
        group = await asyncio.to_thread(records.next_to_merge)
        if group is None:
            return False
        error = await self._merge(group)
        await asyncio.to_thread(records.finish_merge, group.id, error)
        return True

    async def _merge(self, group: Group) -> str | None:
        """Make the group's picture; None when it is there, else why not."""
        sandbox = self._sandbox
        objects, settings = sandbox.objects, sandbox.settings
        part = objects.part(".jpg")
        photos = [
            photo for photo in sandbox.records.photos(group.id) if objects.exists(UPLOADS, photo.object)
        ]
        try:
            await sandbox.merge_lane.run(
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
