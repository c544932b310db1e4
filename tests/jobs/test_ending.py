"""A step that is ended as the daemon stops: whatever it meets then, nobody is told of it."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

from hotfolder.errors import TooManyRequests
from hotfolder.jobs.worker import ended


async def test_a_step_that_fails_as_it_is_ended_is_no_error_of_ours() -> None:
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    async def step() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise TooManyRequests("answered just now")

    task: asyncio.Task[Any] = asyncio.create_task(step())
    await asyncio.sleep(0)
    await ended(task)
    del task
    gc.collect()
    assert complaints == []
