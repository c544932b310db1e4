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

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.inbox.snapshot import SetKey
from hotfolder.mounts import mount_of

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
            if len(inner) >= 3:
                self._keys.add((inner[0], inner[1]))
            elif len(inner) == 2 and not folder:
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


class Watcher:
    """Keeps an observer on the inbox, if the system has one to give. Methods block: call them in a thread."""

    def __init__(self, root: Path, hints: Hints, clock: Clock) -> None:
        self._root = root
        self._handler = _Handler(hints)
        self._observer: BaseObserver | None = None
        self._place: tuple[int, int] | None = None
        self._refused_at: float | None = None
        self._announces = False
        self._clock = clock
        self._log = log.get("inbox")

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

    def ensure(self, place: tuple[int, int] | None) -> bool:
        """Have a living observer on the folder that is at `place` (device, inode) now; whether whatever
        happens there is sure to be announced, but for what is lost in a burst."""
        if not (self.alive and place == self._place):
            self._begin(place)
        return self.alive and self._announces

    def _begin(self, place: tuple[int, int] | None) -> None:
        if self._refused_at is not None and self._clock.monotonic() - self._refused_at < _RETRY_SECONDS:
            return
        again = self._observer is not None or self._refused_at is not None
        self.stop()
        try:
            self._observer = self._started()
        except OSError as error:
            # Most likely the limit on watches or instances; scanning alone is slower, and enough.
            if self._refused_at is None:
                self._log.warning("polling_only", inbox=str(self._root), error=error.strerror or str(error))
            self._refused_at = self._clock.monotonic()
            return
        self._place = place
        mount = mount_of(self._root)
        self._announces = mount is not None and mount.announces is True
        self._refused_at = None
        if again:
            self._log.info("watching_again", inbox=str(self._root))

    def _started(self) -> BaseObserver:
        observer = Observer()
        try:
            observer.schedule(self._handler, str(self._root), recursive=True, event_filter=_EVENTS)
            observer.start()
        except OSError:
            _end(observer)
            raise
        return observer

    def stop(self) -> None:
        """End the observer, if there is one."""
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
