"""Photos that come back from failed/."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path

from hotfolder.jobs.newjobs import NewJob
from hotfolder.jobs.tools import Tools
from hotfolder.outbox.names import safe_name


async def dragged_back(tools: Tools, new: NewJob) -> list[str]:
    """Ids of earlier jobs that wait for a person and have none of their files in failed/ any more: `new` is
    their photos' return, under the same room or another. Raises LocalTrouble where that can't be told."""
    names = {file.name for file in new.files}
    back = []
    for job in await tools.desk(tools.store.needing_person, new, tools.origin):
        files = {file.name for file in await tools.desk(tools.store.files, job.id)}
        if job.filed_as is None or not (job.room == new.room or names & files):
            continue
        folder = tools.places.failed / safe_name(job.project) / job.filed_as
        # What can't be seen because its disk is gone has not been dragged anywhere.
        await asyncio.to_thread(tools.places.guard, folder)
        if not await asyncio.to_thread(any_there, folder, files):
            back.append(job.id)
    return back


def any_there(folder: Path, names: Collection[str]) -> bool:
    return any((folder / name).exists() for name in names)
