"""What an inbox says while it runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from hotfolder.inbox.events import InboxEvent, SetArriving
from hotfolder.inbox.inbox import Inbox


class Heard:
    """The events of a running inbox, in order, with the time of each; not those of sets that still arrive."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self.events: list[tuple[float, InboxEvent]] = []

    async def listen(self) -> None:
        async for event in self.inbox.events():
            if not isinstance(event, SetArriving):
                self.events.append((time.monotonic(), event))

    async def until(self, count: int) -> list[InboxEvent]:
        """The first `count` events; fails when there are fewer in time."""
        await until(lambda: len(self.events) >= count)
        return [event for _, event in self.events[:count]]


@asynccontextmanager
async def listening(inbox: Inbox) -> AsyncIterator[Heard]:
    heard = Heard(inbox)
    task = asyncio.create_task(heard.listen())
    try:
        yield heard
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(120):
        while not holds():  # noqa: ASYNC110 - a test may poll
            await asyncio.sleep(0.01)
