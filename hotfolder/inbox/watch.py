"""Wake-ups from the file system. Hints only: the scan finds everything without them, only later."""

from __future__ import annotations

import asyncio
import os
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from anyio import to_thread
from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.inbox.contents import SetKey
from hotfolder.mounts import mount_of
from hotfolder.patience import PATIENCE_SECONDS

Place = tuple[int, int] | None

# Opening, reading and closing without a write are left out: our own scans do that.
_EVENTS: list[type[FileSystemEvent]] = [
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileClosedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
]
# watchdog tells, at length, of folders that it came across twice while they were being made. It does no harm.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"watchdog\.observers\.")

_JOIN_SECONDS = 3.0
_PAIRING_SECONDS = 0.02
"""For what is moved out of the inbox, as our own originals are, watchdog holds all other events back so long,
and by itself for half a second. Both halves of a move within the inbox come at once."""
_RETRY_SECONDS = 300.0
"""Where no observer could be started, so long until the next attempt: it walks the whole tree."""


class Hints:
    """Which sets were touched since the last time one asked; filled by any thread, emptied by the loop's."""

    def __init__(self, root: Path, wake: Callable[[], object], loop: asyncio.AbstractEventLoop) -> None:
        self._root = root
        self._wake = wake
        self._loop = loop
        self._lock = threading.Lock()
        self._keys: set[SetKey] = set()
        self._everything = False
        self._woken = False

    def touch(self, path: Path, *, folder: bool) -> None:
        """Something happened to the file, or the folder, at `path`."""
        inner = path.relative_to(self._root).parts
        if len(inner) == 1 and not folder:
            return  # our own status and marker, or a stray photo, which the next scan will see
        with self._lock:
            if len(inner) >= 3 or (len(inner) == 2 and folder):
                self._keys.add((inner[0], inner[1]))
            elif len(inner) == 2:
                self._keys.add((inner[0], ""))
            else:
                self._everything = True
            if self._woken:
                return
            self._woken = True
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._wake)

    def take(self) -> tuple[frozenset[SetKey], bool]:
        """The sets touched, and whether something above the sets was; forgotten by this."""
        with self._lock:
            taken = frozenset(self._keys), self._everything
            self._keys.clear()
            self._everything = False
            self._woken = False
        return taken


class _Handler(FileSystemEventHandler):
    def __init__(self, hints: Hints) -> None:
        self._hints = hints

    def on_any_event(self, event: FileSystemEvent) -> None:
        # An exception here would kill the thread that dispatches, silently.
        with suppress(Exception):
            for path in (event.src_path, event.dest_path):
                if path:
                    self._hints.touch(Path(os.fsdecode(path)), folder=event.is_directory)


class Observing:
    """An observer on the folder `root`, where the system gives one. It is begun again when one of its threads
    has died, or when another folder is at `root`: watches end, without a word, with what was mounted.
    """

    def __init__(self, root: Path, hints: Hints, clock: Clock) -> None:
        self.why_none = "not looked yet"
        """Why events may be missing; "" where they tell of every change."""
        self._root = root
        self._handler = _Handler(hints)
        self._clock = clock
        self._observer: BaseObserver | None = None
        self._place: Place = None
        self._retry_at = float("-inf")

    @property
    def alive(self) -> bool:
        """Whether events can come at all. True is no promise that they do."""
        observer = self._observer
        return (
            observer is not None
            and observer.is_alive()
            and bool(observer.emitters)
            and all(emitter.is_alive() for emitter in observer.emitters)
        )

    def fits(self, place: Place) -> bool:
        """Whether `ensure` would find nothing to do. Doesn't block."""
        return place == self._place and (self.alive or self._clock.monotonic() < self._retry_at)

    def ensure(self, place: Place) -> bool:
        """Observe the folder that is at `place` (device, inode) now; whether that has just begun. Blocks."""
        if self.fits(place):
            return False
        self.stop()
        self._place = place
        mount = mount_of(self._root)
        why = "" if mount is None or mount.announces else f"{mount.kind} may not announce what others do"
        if mount is None or mount.announces is not False:
            try:
                self._observer = self._started()
            except OSError as error:
                # Most likely the limit on watches or instances; scanning alone is slower, and enough.
                why = f"no events to be had: {error.strerror or error}"
        retry = not self.alive
        self._retry_at = self._clock.monotonic() + _RETRY_SECONDS if retry else float("-inf")
        if why != self.why_none:
            log.get("inbox").info("inbox_observed", inbox=str(self._root), events_may_be_missing=why)
        self.why_none = why
        return self.alive

    def forget_place(self) -> None:
        """The folder was away: begin again, even where the same one has come back."""
        self._place = None

    def _started(self) -> BaseObserver:
        with suppress(ImportError):  # another system, which has no such queue
            from watchdog.observers.inotify_move_event_grouper import InotifyMoveEventGrouper

            InotifyMoveEventGrouper.delay = _PAIRING_SECONDS
        observer = Observer()
        try:
            observer.schedule(self._handler, str(self._root), recursive=True, event_filter=_EVENTS)
            observer.start()
        except OSError:
            _end(observer)
            raise
        return observer

    def stop(self) -> None:
        """End the observer, if there is one. Blocks."""
        observer, self._observer = self._observer, None
        if observer is not None:
            _end(observer)


def _end(observer: BaseObserver) -> None:
    with suppress(Exception):
        observer.unschedule_all()
    with suppress(Exception):
        observer.stop()
    if observer.ident is not None:
        observer.join(_JOIN_SECONDS)


class Watch:
    """The events of one inbox, begun and ended beside its scans. To be made within the event loop.

    `wake` is called when something was announced; `begun` when events have begun: what came since the last
    scan, and before them, is announced by nothing.
    """

    def __init__(
        self, inbox: Path, clock: Clock, *, wake: Callable[[], object], begun: Callable[[], object]
    ) -> None:
        self._hints = Hints(inbox, wake, asyncio.get_running_loop())
        self._observing = Observing(inbox, self._hints, clock)
        self._begun = begun
        self._beginning: asyncio.Task[None] | None = None
        self.take = self._hints.take
        self.forget_place = self._observing.forget_place

    @property
    def why_none(self) -> str:
        """Why events may be missing; "" where they tell of every change."""
        return self._observing.why_none

    def ensure(self, place: Place) -> None:
        """Have events of the folder that is at `place` now, beside everything else: with thousands of folders
        that takes seconds, and on a share that doesn't answer it may get stuck."""
        beginning = self._beginning is not None and not self._beginning.done()
        if not beginning and not self._observing.fits(place):
            self._beginning = asyncio.create_task(self._begin(place))

    async def _begin(self, place: Place) -> None:
        if await to_thread.run_sync(self._observing.ensure, place):
            self._begun()

    async def stop(self) -> None:
        """End the events; wait for that only so long, since a share may hang."""
        if self._beginning is not None:
            self._beginning.cancel()
        stopping = asyncio.create_task(to_thread.run_sync(self._observing.stop))
        await asyncio.wait({stopping}, timeout=PATIENCE_SECONDS)
