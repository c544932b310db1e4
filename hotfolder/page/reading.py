"""What the bounded child process reads for the page: facts of photos, and thumbnails."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from enum import IntEnum
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from anyio import CapacityLimiter, from_thread, to_thread

from hotfolder.control.explain import Look
from hotfolder.control.lookup import OpenPicture, PhotoPlace
from hotfolder.errors import LocalTrouble
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import PictureFacts, PictureLimits
from hotfolder.rules.sets import FileIdentity

READ_SECONDS = 60.0
SOON_SECONDS = 2.0
KEPT_SECONDS = 10.0
"""How long a late result is kept for the next request, which the page makes by itself after 2 s."""
MOST_REMEMBERED = 5000
MOST_AT_ONCE = 4

T = TypeVar("T")


class PhotoReader:
    """Reads facts of photos, cached by path and file identity."""

    def __init__(self) -> None:
        self._decoder = Decoder(patience_seconds=READ_SECONDS)
        self._facts: OrderedDict[tuple[str, FileIdentity], PictureFacts] = OrderedDict()
        self._limiter = CapacityLimiter(MOST_AT_ONCE)
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._late: dict[str, asyncio.Task[Any]] = {}

    async def run(self, work: Callable[[Look], T]) -> T:
        """Run `work` in a thread, with a function that reads a photo."""
        return await to_thread.run_sync(partial(work, self._look), limiter=self._limiter)

    async def run_briefly(self, key: str, work: Callable[[Look], T]) -> T | None:
        """As `run`, but returns None after SOON_SECONDS while the work continues: a later call with the same
        key waits for it, or takes its result, within KEPT_SECONDS. If each call began anew with the cached
        photos, the work for thousands of photos would never be done in time."""
        loop = asyncio.get_running_loop()
        late: asyncio.Task[T] | None = self._late.pop(key, None)
        task = late or shared_task(self._running, key, partial(self.run, work))
        done, _ = await asyncio.wait({task}, timeout=SOON_SECONDS)
        if done:
            return task.result()
        self._late[key] = task
        task.add_done_callback(lambda _: loop.call_later(KEPT_SECONDS, self._forget, key, task))
        return None

    def _forget(self, key: str, task: asyncio.Task[Any]) -> None:
        if self._late.get(key) is task:
            del self._late[key]

    def progress(self, place: PhotoPlace) -> tuple[int, int]:
        """How many photos of a folder are in the cache, and how many there are."""
        seen = place.seen()
        photos = seen.photos if seen is not None else ()
        read = sum((str(place.path / file.name), file.identity) in self._facts for file in photos)
        return read, len(photos)

    async def close(self) -> None:
        """End the child process."""
        await self._decoder.close()

    def _look(self, path: Path, identity: FileIdentity, limits: PictureLimits) -> PictureFacts:
        """Read a photo's facts, from the worker thread of `run`."""
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


def shared_task(
    running: dict[str, asyncio.Task[Any]], key: str, work: Callable[[], Coroutine[Any, Any, T]]
) -> asyncio.Task[T]:
    """The running task of that key, started where there is none, so that concurrent callers share one. If
    nobody waits for it, its exception is discarded."""
    task = running.get(key)
    if task is None:
        task = running[key] = asyncio.create_task(work())
        task.add_done_callback(lambda done: running.pop(key, None))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


FOLDER = "thumbnails"
"""The cache's folder in `state`."""
MOST_BYTES = 1024 * 1024 * 1024
MEMORY_BYTES = 2 * 1024**3


class Edge(IntEnum):
    """The longer side of a thumbnail in pixels: for a card, and for the whole screen."""

    CARD = 640
    SCREEN = 2048


class Thumbnails:
    """A cache of thumbnails on disk. Beyond `most_bytes`, to within a hundredth, the least recently used are
    evicted, by their mtime."""

    def __init__(self, state: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self.folder = state / FOLDER
        self._most_bytes = most_bytes
        self._new_bytes = 0
        """How much has been made since the cache's size was last looked at."""
        self._decoder = Decoder(memory_bytes=MEMORY_BYTES, patience_seconds=READ_SECONDS)
        self._making: dict[str, asyncio.Task[bytes]] = {}

    @staticmethod
    def name_of(known: str, picture: OpenPicture, edge: Edge) -> str:
        """The name of the thumbnail of this version of a picture; also its ETag."""
        return hashlib.sha256(f"{known} {picture.version} {edge:d}".encode()).hexdigest()[:40]

    async def get(self, name: str, source: Path, edge: Edge, roots: Sequence[Path]) -> bytes:
        """The JPEG of that name, made from `source` where it is missing. Raises UnusablePhoto for what can't
        be shown, and LocalTrouble."""
        with suppress(OSError):
            return await asyncio.to_thread(self._from_cache, self.folder / f"{name}.jpg")
        # A cancelled request must not cancel the work that others wait for.
        made = partial(self._make, name, source, edge, roots)
        return await asyncio.shield(shared_task(self._making, name, made))

    async def _make(self, name: str, source: Path, edge: Edge, roots: Sequence[Path]) -> bytes:
        target = self.folder / f"{name}.jpg"
        beneath = [str(root) for root in roots]
        try:  # people may delete the folder at any time
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LocalTrouble(f"Nothing can be put into state/{FOLDER}: {error.strerror}.") from error
        await self._decoder.thumbnail(source, target, edge, PictureLimits(), beneath)
        content = await asyncio.to_thread(target.read_bytes)
        self._new_bytes += len(content)
        # Not each time: a full cache has tens of thousands of files to look at.
        if self._new_bytes > self._most_bytes / 100:
            self._new_bytes = 0
            await asyncio.to_thread(self._evict)
        return content

    def _from_cache(self, path: Path) -> bytes:
        content = path.read_bytes()
        with suppress(OSError):  # the disk may be read-only
            os.utime(path)
        return content

    def _evict(self) -> None:
        with suppress(OSError), os.scandir(self.folder) as entries:
            found = [(entry.stat().st_mtime_ns, entry.stat().st_size, Path(entry)) for entry in entries]
            excess = sum(size for _, size, _ in found) - self._most_bytes
            for _, size, path in sorted(found):
                if excess > 0:
                    path.unlink()
                    excess -= size

    async def close(self) -> None:
        """End the child process."""
        await self._decoder.close()
