"""A stop at any moment, also while a set's uploads are being cancelled after an error."""

from __future__ import annotations

import asyncio

from hotfolder.errors import Unreachable
from hotfolder.jobs.worker import end


async def test_a_task_whose_group_swallows_the_first_cancellation_ends_all_the_same() -> None:
    calling_off = asyncio.Event()

    async def slow_to_end() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            calling_off.set()
            await asyncio.sleep(0.05)

    async def failing() -> None:
        await asyncio.sleep(0)
        raise Unreachable("no answer")

    async def job() -> None:
        while True:
            try:
                async with asyncio.TaskGroup() as uploads:
                    uploads.create_task(slow_to_end())
                    uploads.create_task(failing())
            except* Unreachable:
                await asyncio.sleep(60)

    task = asyncio.create_task(job())
    await calling_off.wait()
    async with asyncio.timeout(120):
        await end([task])
    assert task.cancelled()
