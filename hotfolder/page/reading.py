"""Photos that are read to tell what would be made of them: in the bounded child process, each once."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from anyio import CapacityLimiter, from_thread, to_thread

from hotfolder.control.explain import Look
from hotfolder.control.lookup import PhotoPlace
from hotfolder.errors import LocalTrouble
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import PictureFacts, PictureLimits
from hotfolder.rules.sets import FileIdentity

PATIENCE_SECONDS = 60.0
SOON_SECONDS = 2.0
MOST_REMEMBERED = 5000
MOST_AT_ONCE = 4
MOST_WAITING = 32

T = TypeVar("T")


class PhotoReader:
    """Reads for whoever explains, and remembers what it read of a file until that changes."""

    def __init__(self) -> None:
        self._decoder = Decoder(patience_seconds=PATIENCE_SECONDS)
        self._facts: OrderedDict[tuple[str, FileIdentity], PictureFacts] = OrderedDict()
        self._limiter: CapacityLimiter | None = None
        self._running: dict[str, asyncio.Task[Any]] = {}

    async def run(self, work: Callable[[Look], T]) -> T:
        """What `work` makes in a thread, with this to read the photos by."""
        self._limiter = self._limiter or CapacityLimiter(MOST_AT_ONCE)
        if self._limiter.statistics().tasks_waiting >= MOST_WAITING:
            raise LocalTrouble("Too much is asked for at once.", hint="Try again in a moment.")
        return await to_thread.run_sync(partial(work, self._look), limiter=self._limiter)

    async def soon(self, key: str, work: Callable[[Look], T]) -> T | None:
        """The same; None where it takes longer. It goes on then, and whoever asks by that key again gets what
        comes of it."""
        task = once(self._running, key, partial(self.run, work))
        done, _ = await asyncio.wait({task}, timeout=SOON_SECONDS)
        return task.result() if done else None

    def progress(self, place: PhotoPlace) -> tuple[int, int]:
        """How many photos of a folder are read, of how many."""
        seen = place.seen()
        photos = seen.photos if seen is not None else ()
        read = sum((str(place.path / file.name), file.identity) in self._facts for file in photos)
        return read, len(photos)

    async def close(self) -> None:
        """End the child process."""
        await self._decoder.close()

    def _look(self, path: Path, identity: FileIdentity, limits: PictureLimits) -> PictureFacts:
        """From a thread of `run`."""
        facts: PictureFacts = from_thread.run(self._read, path, identity, limits)
        return facts

    async def _read(self, path: Path, identity: FileIdentity, limits: PictureLimits) -> PictureFacts:
        key = (str(path), identity)
        facts = self._facts.get(key)
        if facts is None:
            facts = self._facts[key] = await self._decoder.inspect(path, limits)
        self._facts.move_to_end(key)
        while len(self._facts) > MOST_REMEMBERED:
            self._facts.popitem(last=False)
        return facts


def once(
    running: dict[str, asyncio.Task[Any]], key: str, work: Callable[[], Coroutine[Any, Any, T]]
) -> asyncio.Task[T]:
    """The task of that key among those that run; begun where there is none. It may fail with nobody
    waiting."""
    task = running.get(key)
    if task is None:
        task = running[key] = asyncio.create_task(work())
        task.add_done_callback(lambda done: running.pop(key, None))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task
