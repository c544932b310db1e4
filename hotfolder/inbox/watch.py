"""Wake-ups from the file system. Hints only: every one of them may be missing, and nothing depends on any."""

from __future__ import annotations

import asyncio
import os
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

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

from hotfolder.clock import Clock
from hotfolder.inbox.snapshot import SetKey
from hotfolder.newfiles import new_temporary, open_folder, own_prefix

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

_CANARY_SECONDS = 5.0
"""How long the event of a file that we make ourselves may take."""
_JOIN_SECONDS = 3.0
_PAIRING_SECONDS = 0.02
"""For what is moved out of the inbox, as our own originals are, watchdog holds all other events back so long,
and by itself for half a second. Both halves of a move within the inbox come at once."""
_RETRY_SECONDS = 300.0


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
        self._canaries = os.fsencode(own_prefix())
        self.canary_heard = threading.Event()

    def on_any_event(self, event: FileSystemEvent) -> None:
        # An exception here would kill the thread that dispatches, silently.
        with suppress(Exception):
            for path in (event.src_path, event.dest_path):
                if path and os.path.basename(os.fsencode(path)).startswith(self._canaries):  # noqa: PTH119
                    self.canary_heard.set()
                elif path:
                    self._hints.touch(Path(os.fsdecode(path)), folder=event.is_directory)


class Watcher:
    """Keeps an observer on the inbox, if the system has one to give. Methods block: call them in a thread."""

    def __init__(self, root: Path, hints: Hints, clock: Clock) -> None:
        self._root = root
        self._handler = _Handler(hints)
        self._observer: BaseObserver | None = None
        self._place: tuple[int, int] | None = None
        self._refused_at: float | None = None
        self._refusal = ""
        self._clock = clock

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

    def ensure(self, place: tuple[int, int] | None) -> str:
        """Have a living observer on the folder that is at `place` (device, inode) now, one that tells of what
        we do there ourselves. Returns why there is none, "" when all is well."""
        if self.alive and place == self._place:
            return ""
        if self._refused_at is not None and self._clock.monotonic() - self._refused_at < _RETRY_SECONDS:
            return self._refusal
        self.stop()
        try:
            self._observer = self._started()
        except OSError as error:
            # Most likely the limit on watches or instances; scanning alone is slower, and enough.
            return self._refuse(f"no events to be had: {error.strerror or error}")
        if not self._hears_canary():
            self.stop()
            return self._refuse("a file that was made here to see was not announced")
        self._place = place
        self._refused_at = None
        return ""

    def _refuse(self, why: str) -> str:
        self._refused_at, self._refusal = self._clock.monotonic(), why
        return why

    def _hears_canary(self) -> bool:
        """Whether a file that we make is announced. True as well where none can be made: nothing is known."""
        self._handler.canary_heard.clear()
        try:
            folder = open_folder(self._root)
            try:
                name, descriptor = new_temporary(folder)
                os.close(descriptor)
                os.unlink(name, dir_fd=folder)
            finally:
                os.close(folder)
        except OSError:
            return True
        return self._handler.canary_heard.wait(_CANARY_SECONDS)

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
        """End the observer, if there is one; whoever waits for its first event meanwhile waits no longer."""
        observer, self._observer = self._observer, None
        self._handler.canary_heard.set()
        if observer is not None:
            _end(observer)


def _end(observer: BaseObserver) -> None:
    with suppress(Exception):
        observer.unschedule_all()
    with suppress(Exception):
        observer.stop()
    if observer.ident is not None:
        observer.join(_JOIN_SECONDS)
