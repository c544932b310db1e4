"""Checks of the inbox's root: that it is the right folder, that no other daemon uses it, that it answers.

They tell an empty inbox from the empty mount point of an unmounted disk.
"""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import copy
from dataclasses import KW_ONLY, dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from anyio import to_thread

from hotfolder.blocking import FILE_TIMEOUT_SECONDS, START_TIMEOUT_SECONDS, FileTimeout, call_within
from hotfolder.errors import LocalTrouble
from hotfolder.inbox.contents import LOCK_NAME, MARKER_NAME, SetKey
from hotfolder.inbox.scan import ProgressCallback, Snapshot, ignore_progress, scan, scan_folders
from hotfolder.locks import FolderLock, Held, refuse_held
from hotfolder.newfiles import folder_at, read_marker, write_whole
from hotfolder.rules.sets import as_int64


@dataclass(frozen=True, slots=True)
class RootStatus:
    """Result of a check. `degraded` is the reason why the inbox can't be used now, "" when it can. `identity`
    is its device and inode, None when degraded. `taken_over`: it had the marker of another store, which is
    replaced.

    `holder` is the other process that uses it now, "" when there is none. `lockable`: its file system has
    file locks.
    """

    identity: tuple[int, int] | None = None
    degraded: str = ""
    taken_over: bool = False
    holder: str = ""
    lockable: bool = True


@dataclass
class Root:
    """The inbox's folder and its marker, a file with one line: `marker_id`, which is the store's, and, where
    machines share a store, a space and the `name` that the inbox has on all of them.

    With `first_start`, when the store doesn't know this inbox yet, a missing marker is created and another
    store's marker is replaced, under the `lock`, which proves that no other process uses the inbox. Later a
    missing marker is created again only while device and inode are those seen last, by this process or, as
    `known_identity`, by the one before. The caller closes the `lock`; without one the marker is checked, but
    not whether another process uses the inbox.
    """

    path: Path
    marker_id: str
    _: KW_ONLY
    first_start: bool
    known_identity: tuple[int, int] | None = None
    lock: FolderLock | None = None
    name: str = ""
    _neighbours_checked: bool = field(default=False, init=False)

    def check(self) -> RootStatus:
        """Check the folder, its marker and its lock; blocking. Writes a missing marker where the class allows
        it. Never raises OSError: errors become `degraded`."""
        try:
            if not stat.S_ISDIR(self.path.stat().st_mode):
                return RootStatus(degraded=f"The inbox {self.path} is not a folder.")
            with folder_at(self.path) as folder:
                return self._check_folder(folder)
        except Held as held:
            return RootStatus(degraded=self._in_use_message(held), holder=held.holder)
        except FileNotFoundError:
            return RootStatus(degraded=f"The inbox {self.path} is not there. Is its disk or share mounted?")
        except PermissionError as error:
            return RootStatus(
                degraded=f"The inbox {self.path} can't be used: {error.strerror}. It must be readable and "
                f"writable for user {os.geteuid()}, as whom hotfolder runs."
            )
        except OSError as error:
            return RootStatus(degraded=f"The inbox {self.path} can't be used: {error.strerror or error}.")

    def _check_folder(self, folder: int) -> RootStatus:
        facts = os.fstat(folder)
        identity = (as_int64(facts.st_dev), as_int64(facts.st_ino))
        found = marker_in(folder)
        ours, missing = found is not None and found.store == self.marker_id, found is None
        if found and ours and self.name and (why := why_other_name(self.path, self.name, found)):
            return RootStatus(degraded=why)
        if not (ours or self.first_start or (missing and identity == self.known_identity)):
            return RootStatus(degraded=self._marker_doubt(found))
        locked = self.lock is not None and self.lock.hold(folder)
        if self.lock is not None and not self._neighbours_checked:
            refuse_overlapping_inboxes(self.path, self.marker_id)
            self._neighbours_checked = True
        if not (ours or missing or locked):
            return RootStatus(degraded=self._marker_doubt(found))
        if not ours or (self.name and found and not found.name):
            write_whole(folder, MARKER_NAME, f"{self.marker_id} {self.name}".strip().encode() + b"\n")
        self.first_start = False
        self.known_identity = identity
        return RootStatus(
            identity=identity,
            taken_over=not (ours or missing),
            lockable=locked or self.lock is None,
        )

    def _in_use_message(self, held: Held) -> str:
        lies = f", which {held.lies} {self.path}" if held.lies else " already"
        return (
            f"Another hotfolder ({held.holder}) works with the inbox {held.folder or self.path}{lies}. Two"
            " at once would pay for everything twice: stop one of them, or give it an inbox of its own."
        )

    def _marker_doubt(self, found: Marker | None) -> str:
        way_out = f"write {self.marker_id} into {self.path / MARKER_NAME}."
        if found is None:
            return (
                f"The inbox {self.path} has no {MARKER_NAME}: it looks like an empty mount point, or another "
                f"folder. Mount its disk or share; if this folder is right, {way_out}"
            )
        return (
            f"The inbox {self.path} belongs to another hotfolder: its {MARKER_NAME} names another store. Two "
            f"at once would do everything twice. If this is the only one, {way_out}"
        )


def refuse_overlapping_inboxes(inbox: Path, marker_id: str) -> None:
    """Raise Held where another hotfolder uses an inbox above this one, or up to two levels below it: the same
    photos would be paid for by both. A marker without a held lock is no conflict: its daemon isn't running,
    and will find our lock when it starts."""
    here = Path(os.path.realpath(inbox))
    for folder in (*here.parents, *folders_below(here, 2)):
        marker = marker_at(folder)
        if marker is None or marker.store == marker_id:
            continue
        try:
            refuse_held(folder, LOCK_NAME)
        except Held as held:
            lies = "contains" if here.is_relative_to(folder) else "lies in"
            raise Held(held.holder, folder, lies) from None


def folders_below(folder: Path, levels: int) -> Iterator[Path]:
    """The folders below `folder`, down to `levels` levels; those that can't be listed have none."""
    below: list[Path] = []
    with suppress(OSError), os.scandir(folder) as entries:
        below = [folder / entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    for one in below:
        yield one
        if levels > 1:
            yield from folders_below(one, levels - 1)


class Marker(NamedTuple):
    """The content of an inbox's marker: the store's id and, where machines share it, the inbox's name."""

    store: str
    name: str


def marker_in(folder: int) -> Marker | None:
    """The marker in an open folder; None where there is none or it is empty. Raises OSError."""
    store, _, name = (read_marker(folder, MARKER_NAME) or "").partition(" ")
    return Marker(store, name) if store else None


def marker_at(folder: Path) -> Marker | None:
    """The marker in a folder; None where there is none, or it can't be read."""
    with suppress(OSError), folder_at(folder) as opened:
        return marker_in(opened)
    return None


def why_other_name(inbox: Path, name: str, marker: Marker) -> str:
    """The reason, for a person, why a marker contradicts the inbox's `name`; "" where it names none or the
    same. Two machines with different names for one folder would both use it, with different rules."""
    if marker.name in ("", name):
        return ""
    return (
        f"The inbox {inbox} is called {name} in these settings, and {marker.name} on other machines of this"
        " store: both would make its sets, and pay for them by the rules of two inboxes. Give it the same"
        f" name everywhere; or, if all of them call it {name} by now, write {marker.store} {name} into"
        f" {inbox / MARKER_NAME}."
    )


Scope = frozenset[SetKey] | None
ScanResult = tuple[RootStatus, Snapshot | None]

MOST_PAUSE_SECONDS = 900.0


def checked_scan(root: Root, scope: Scope, moved: ProgressCallback = ignore_progress) -> ScanResult:
    """Scan between two checks of the root, since a share whose server dies can return an empty listing
    without an error. The snapshot is None where the root is degraded, can't be listed, or was replaced
    during the scan. `moved` is called after each check and each folder."""
    before = root.check()
    moved()
    if before.degraded:
        return before, None
    try:
        snapshot = scan(root.path, moved) if scope is None else scan_folders(root.path, scope, moved)
    except OSError as error:
        return RootStatus(degraded=f"The inbox {root.path} can't be read: {error.strerror or error}."), None
    after = root.check()
    moved()
    if after.degraded or after.identity != before.identity:
        return after, None
    return replace(after, taken_over=before.taken_over), snapshot


class RootScanner:
    """Runs the checks and scans of one inbox in threads. A share that doesn't answer can block a thread for
    hours: that thread is abandoned and another one tries, since the path may lead to another mount by then.

    `beat` is called while a scan runs or is waited for, `moved` only when the file system has answered.
    """

    def __init__(self, root: Root, beat: Callable[[], None], moved: Callable[[], None]) -> None:
        self._root = root
        self._path: Path = root.path
        self._beat = beat
        self._tell_moved = moved
        self._moved_at = 0.0

    def check_at_once(self) -> RootStatus:
        """The root's status, degraded where it doesn't answer. Blocks for START_SECONDS at the most."""
        try:
            return call_within(self._path, self._root.check, START_TIMEOUT_SECONDS)
        except FileTimeout:
            self._root = copy(self._root)
            return RootStatus(degraded=no_answer_text(self._path))

    async def scan(self, scope: Scope, stalled: Callable[[str], None]) -> ScanResult:
        """Check and scan; the first answer of any thread. While the file system doesn't answer, `stalled` is
        called with the reason every FILE_TIMEOUT_SECONDS, and a further thread is started with exponential
        backoff, up to MOST_PAUSE_SECONDS."""
        began = self._moved_at = time.monotonic()
        roots = {self._start_scan(self._root, scope, self._note_progress): self._root}
        pause_seconds = FILE_TIMEOUT_SECONDS
        again_at = began + pause_seconds
        try:
            while not (done := await self._first_answer(set(roots))):
                self._beat()
                if time.monotonic() - self._moved_at < FILE_TIMEOUT_SECONDS:
                    self._tell_moved()
                    continue  # a large or slow scan that makes progress
                stalled(no_answer_text(self._path))
                if time.monotonic() >= again_at:
                    fresh = copy(self._root)
                    # Its progress doesn't count as an answer: a share can serve listings from its cache.
                    roots[self._start_scan(fresh, None, ignore_progress)] = fresh
                    pause_seconds = min(2 * pause_seconds, MOST_PAUSE_SECONDS)
                    again_at = time.monotonic() + pause_seconds
        finally:
            for look in roots:
                look.cancel()
        self._beat()
        self._tell_moved()
        self._root = roots[done]
        return done.result()

    async def _first_answer(
        self, looks: set[asyncio.Future[ScanResult]]
    ) -> asyncio.Future[ScanResult] | None:
        done, _ = await asyncio.wait(looks, timeout=FILE_TIMEOUT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return next(iter(done), None)

    def _start_scan(self, root: Root, scope: Scope, moved: ProgressCallback) -> asyncio.Future[ScanResult]:
        return asyncio.ensure_future(to_thread.run_sync(checked_scan, root, scope, moved))

    def _note_progress(self) -> None:
        self._moved_at = time.monotonic()


def no_answer_text(inbox: Path) -> str:
    return f"The inbox {inbox} doesn't answer. Is its share or disk all right?"


def confirm_inbox(inbox: Path, *, marker_id: str) -> None:
    """Raise LocalTrouble unless `inbox` is reachable and has the marker `marker_id`: only then does a file
    that isn't found in it count as deleted. Writes nothing."""
    doubt = Root(inbox, marker_id, first_start=False).check().degraded
    if doubt:
        raise LocalTrouble(doubt, hint="The work continues by itself once the inbox is back.")
