"""File-system events, used as hints only: without them the scan finds every change, but later."""

from __future__ import annotations

import asyncio
import os
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from anyio import to_thread
from watchdog import events
from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver

from hotfolder import log
from hotfolder.blocking import FILE_TIMEOUT_SECONDS
from hotfolder.clock import Clock
from hotfolder.inbox.contents import SetKey
from hotfolder.mounts import mount_of

Identity = tuple[int, int] | None

# Opening, reading and closing without a write are left out: our own scans do that.
_EVENTS: list[type[FileSystemEvent]] = [
    *(events.DirCreatedEvent, events.DirDeletedEvent, events.DirMovedEvent),
    *(events.FileClosedEvent, events.FileCreatedEvent, events.FileDeletedEvent),
    *(events.FileModifiedEvent, events.FileMovedEvent),
]
# watchdog warns at length of folders that it met twice while they were being created, which is harmless.
warnings.filterwarnings("ignore", category=RuntimeWarning, module=r"watchdog\.observers\.")

_JOIN_SECONDS = 3.0
_RETRY_SECONDS = 300.0
"""The pause before the next attempt to start an observer, since each attempt walks the whole tree."""


class Watch(FileSystemEventHandler):
    """Watches one inbox and reports the sets whose files are touched. Must be created within the event loop,
    in which `touched` is called with each of them, and with None where any set may have been.

    The observer is restarted when one of its threads has died, or when another folder is at `inbox`: an
    unmount ends the watches silently.
    """

    def __init__(self, inbox: Path, clock: Clock, touched: Callable[[SetKey | None], object]) -> None:
        self.why_unreliable = "not looked yet"
        """The reason why events may be missing; "" where every change causes one."""
        self._inbox = inbox
        self._clock = clock
        self._touched = touched
        self._loop = asyncio.get_running_loop()
        self._observer: BaseObserver | None = None
        self._identity: Identity = None
        self._retry_at = float("-inf")
        self._beginning: asyncio.Task[None] | None = None

    @property
    def alive(self) -> bool:
        """Whether the observer's threads run; that doesn't guarantee that events arrive."""
        observer = self._observer
        if observer is None or not observer.emitters:
            return False
        # The thread that reads inotify's events has no public name. An exception there ends all events.
        readers = [held for held in vars(observer).values() if isinstance(held, threading.Thread)]
        return all(thread.is_alive() for thread in (observer, *observer.emitters, *readers))

    def ensure(self, identity: Identity) -> None:
        """Start the observer unless it runs on the folder of this `identity` (device, inode). Returns at
        once: the start runs in a thread, since it takes seconds with thousands of folders, and may block on a
        share that doesn't answer. After a failed start it does nothing for 300 s."""
        fits = identity == self._identity and (self.alive or self._clock.monotonic() < self._retry_at)
        if not fits and (self._beginning is None or self._beginning.done()):
            self._beginning = asyncio.create_task(to_thread.run_sync(self._start_observer, identity))

    def forget_folder(self) -> None:
        """Restart the observer at the next `ensure`, even where the same folder has come back."""
        self._identity = None

    async def stop(self) -> None:
        """Stop the observer; waits for FILE_TIMEOUT_SECONDS at most, since a share may hang."""
        if self._beginning is not None:
            self._beginning.cancel()
        stopping = asyncio.create_task(to_thread.run_sync(self._stop_observer))
        await asyncio.wait({stopping}, timeout=FILE_TIMEOUT_SECONDS)

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Callback of the observer's thread: record which set the event is of."""
        # An exception here would silently kill the dispatching thread.
        with suppress(Exception):
            for path in (event.src_path, event.dest_path):
                inner = Path(os.fsdecode(path)).relative_to(self._inbox).parts if path else ()
                if len(inner) >= 3 or (len(inner) == 2 and event.is_directory):
                    self._report_touched((inner[0], inner[1]))
                elif len(inner) == 2:
                    self._report_touched((inner[0], ""))
                elif event.is_directory:  # files here are our own status and marker, or a stray photo
                    self._report_touched(None)

    def _report_touched(self, key: SetKey | None) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._touched, key)

    def _start_observer(self, identity: Identity) -> None:
        self._stop_observer()
        self._identity = identity
        mount = mount_of(self._inbox)
        why = ""
        if mount is not None and not mount.reports_changes:
            why = f"{mount.kind} may not announce what others do"
        if mount is None or mount.reports_changes is not False:
            try:
                self._observer = Observer()
                self._observer.schedule(self, str(self._inbox), recursive=True, event_filter=_EVENTS)
                self._observer.start()
            except OSError as error:
                # Most likely the limit on inotify watches or instances; scanning alone is slower, but enough.
                why = f"no events to be had: {error.strerror or error}"
                self._stop_observer()
        self._retry_at = float("-inf") if self.alive else self._clock.monotonic() + _RETRY_SECONDS
        if why != self.why_unreliable:
            log.get("inbox").info("inbox_observed", inbox=str(self._inbox), events_may_be_missing=why)
        self.why_unreliable = why
        if self.alive:
            self._report_touched(
                None
            )  # changes between the last scan and the observer's start caused no event

    def _stop_observer(self) -> None:
        observer, self._observer = self._observer, None
        if observer is None:
            return
        with suppress(Exception):
            observer.unschedule_all()
        with suppress(Exception):
            observer.stop()
        if observer.ident is not None:
            observer.join(_JOIN_SECONDS)
