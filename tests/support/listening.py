"""Events and notices of an inbox."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from hotfolder.inbox.events import InboxEvent, SetArriving
from hotfolder.inbox.inbox import Inbox
from hotfolder.inbox.notices import Notice
from tests.support.studio import until


class Heard:
    """The events of a running inbox in order, with their times, except those of sets that still arrive."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self.events: list[tuple[float, InboxEvent]] = []

    async def listen(self) -> None:
        async for event in self.inbox.events():
            if not isinstance(event, SetArriving):
                self.events.append((time.monotonic(), event))

    async def until(self, count: int) -> list[InboxEvent]:
        """Wait for the first `count` events."""
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


WORDS = {
    "outside a set": "Left alone in the inbox itself",
    "passed over": "holds photos and is left alone",
    "archive": "hotfolder opens no archives",
    "too deep": "deeper than a room's photos",
    "link": "is a link and is not followed",
    "hard link": "(a hard link)",
    "unreadable": "be read",
    "taken over": "this one has none of its records",
    "loose": "since no photo there has the same name",
}
"""Words by which each kind of notice is recognised."""


def kind(notice: Notice) -> str:
    [found] = [kind for kind, words in WORDS.items() if words in notice.text]
    return found
