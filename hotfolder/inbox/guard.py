"""Is the inbox the right folder, is it ours alone, and does it answer?

An unmounted disk looks like an empty folder, and isn't one.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock, Thread

from anyio import to_thread

from hotfolder.errors import LocalTrouble
from hotfolder.inbox.contents import LOCK_NAME, MARKER_NAME, SetKey
from hotfolder.inbox.scan import Moved, Snapshot, scan, scan_folders, stay_silent
from hotfolder.newfiles import lasting_file, new_temporary, open_folder
from hotfolder.patience import PATIENCE_SECONDS, START_SECONDS, NoAnswer, at_once

_MARKER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class RootStatus:
    """`degraded` is why the inbox can't be trusted now, "" when it can. `place` is its device and inode.

    `holder` is the other process that works with it now, "" when there is none. `lockable`: it knows locks.
    """

    place: tuple[int, int] | None = None
    degraded: str = ""
    marker_made: bool = False
    holder: str = ""
    lockable: bool = True


class Root:
    """The inbox's folder and its marker, a file that holds `marker_id` on its only line.

    With `first_start` a missing marker is made: our store knows nothing of this inbox yet. Another store's is
    taken over then, under the `lock`, which proves that nobody works with it. Later a missing marker is made
    again only while device and inode are those seen last, by this process or, as `known_place`, by the one
    before. Without a `lock` it is only looked whether the inbox is ours, and who else works with it is not.
    """

    def __init__(
        self,
        path: Path,
        marker_id: str,
        *,
        first_start: bool,
        known_place: tuple[int, int] | None = None,
        lock: InboxLock | None = None,
    ) -> None:
        self.path = path
        self._marker = path / MARKER_NAME
        self._marker_id = marker_id
        self._unmet = first_start
        self._place = known_place
        self._lock = lock
        self._alone = False

    def another(self) -> Root:
        """One that knows as much, for another thread."""
        return Root(
            self.path, self._marker_id, first_start=self._unmet, known_place=self._place, lock=self._lock
        )

    def check(self) -> RootStatus:
        """Look at the folder and its marker; blocking. Never raises for what the file system does."""
        try:
            return self._check()
        except InboxHeld as held:
            return RootStatus(degraded=self._in_use(held), holder=held.holder)
        except FileNotFoundError:
            return RootStatus(degraded=f"The inbox {self.path} is not there. Is its disk or share mounted?")
        except PermissionError as error:
            return RootStatus(
                degraded=f"The inbox {self.path} can't be used: {error.strerror}. It must be readable and "
                f"writable for user {os.geteuid()}, as whom hotfolder runs."
            )
        except OSError as error:
            return RootStatus(degraded=f"The inbox {self.path} can't be used: {error.strerror or error}.")

    def _check(self) -> RootStatus:
        if not stat.S_ISDIR(self.path.stat().st_mode):
            return RootStatus(degraded=f"The inbox {self.path} is not a folder.")
        folder = open_folder(self.path)
        try:
            return self._check_folder(folder)
        finally:
            os.close(folder)

    def _check_folder(self, folder: int) -> RootStatus:
        facts = os.fstat(folder)
        place = (facts.st_dev, facts.st_ino)
        found = self._read(folder)
        ours, missing = found == self._marker_id, found is None
        if not (ours or self._unmet or (missing and place == self._place)):
            return RootStatus(degraded=self._doubt(found))
        locked = self._lock is not None and self._lock.hold(folder)
        if self._lock is not None and not self._alone:
            refuse_neighbours(self.path, self._marker_id)
            self._alone = True
        if not (ours or missing or locked):
            return RootStatus(degraded=self._doubt(found))
        if not ours:
            self._write(folder)
        made = not ours and self._place is not None
        self._unmet = False
        self._place = place
        return RootStatus(place=place, marker_made=made, lockable=locked or self._lock is None)

    def _in_use(self, held: InboxHeld) -> str:
        lies = f", which {held.lies} {self.path}" if held.lies else " already"
        return (
            f"Another hotfolder ({held.holder}) works with the inbox {held.inbox or self.path}{lies}. Two at "
            "once would pay for everything twice: stop one of them, or give it an inbox of its own."
        )

    def _doubt(self, found: str | None) -> str:
        way_out = f"write {self._marker_id} into {self._marker}."
        if found is None:
            return (
                f"The inbox {self.path} has no {MARKER_NAME}: it looks like an empty mount point, or another "
                f"folder. Mount its disk or share; if this folder is right, {way_out}"
            )
        return (
            f"The inbox {self.path} belongs to another hotfolder: its {MARKER_NAME} names another store. Two "
            f"at once would do everything twice. If this is the only one, {way_out}"
        )

    def _read(self, folder: int) -> str | None:
        try:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            descriptor = os.open(MARKER_NAME, flags, dir_fd=folder)
        except FileNotFoundError:
            return None
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
            return file.read(_MARKER_BYTES).decode("utf-8", "replace").strip() or None

    def _write(self, folder: int) -> None:
        name, descriptor = new_temporary(folder)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(self._marker_id + "\n")
                file.flush()
                os.fsync(file.fileno())
            os.rename(name, MARKER_NAME, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(name, dir_fd=folder)
            raise


_HOLDER_BYTES = 400
_ATTEMPTS = 3
"""Somebody may delete the file between our making and our locking it. On a share that numbers files anew at
every look, the last attempt counts."""
_TURN_SECONDS = 2.0
_HELD = frozenset({errno.EWOULDBLOCK, errno.EACCES})
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})


class InboxHeld(Exception):
    """Another process has the lock. `holder` says which one, in words that can be printed. Where it is the
    lock of another inbox, `inbox` says of which one, and `lies` how it lies: "contains", or "lies in"."""

    def __init__(self, holder: str, inbox: Path | None = None, lies: str = "") -> None:
        super().__init__(holder)
        self.holder = holder
        self.inbox = inbox
        self.lies = lies


def refuse_neighbours(inbox: Path, marker_id: str) -> None:
    """Raise InboxHeld where another hotfolder works with an inbox that this one lies in, or that lies in this
    one: the same photos would be projects to one and rooms to the other, and paid for by both."""
    here = Path(os.path.realpath(inbox))
    for place in (*here.parents, *folders_in(here, 2)):
        holder = worked_with_by(place, marker_id)
        if holder:
            raise InboxHeld(holder, place, "contains" if here.is_relative_to(place) else "lies in")


def folders_in(folder: Path, levels: int) -> Iterator[Path]:
    """Those in it, no deeper than sets lie; what can't be listed is left out."""
    below: list[Path] = []
    with suppress(OSError), os.scandir(folder) as entries:
        below = [folder / entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    for one in below:
        yield one
        if levels > 1:
            yield from folders_in(one, levels - 1)


def worked_with_by(folder: Path, marker_id: str) -> str:
    """Which process of another store has a marker and the lock in `folder` now; "" where none has. A marker
    alone is what one has left behind that doesn't run, and that finds our lock when it does."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        found = os.open(folder / MARKER_NAME, flags)
        with os.fdopen(found, "rb") as file:
            if file.read(_MARKER_BYTES).decode("utf-8", "replace").strip() == marker_id:
                return ""
        lock = os.open(folder / LOCK_NAME, flags)
    except OSError:
        return ""
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _told_by(lock)
    finally:
        os.close(lock)
    return ""


class InboxLock:
    """An advisory lock on a file in the inbox. It ends with its process, however that ends.

    Nothing relies on the file's being there: where it was deleted, or the inbox is another folder now, it is
    made and locked anew.
    """

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self._locked: tuple[int, int] | None = None
        self._letting_go: Thread | None = None
        self._closed = False
        self._one_at_a_time = Lock()

    def hold(self, folder: int) -> bool:
        """Have the lock; False where the file system knows no locks. `folder` is a descriptor of the inbox:
        so nothing is made in a bare mount point when the inbox goes away meanwhile.

        Raises InboxHeld, and OSError where the file can't be made or opened. May be repeated.
        """
        if self._holds(folder) and not self._closed:
            return True
        with self._turn():
            if self._closed:
                raise InboxHeld("this process has let go of it")
            for _ in range(_ATTEMPTS):
                if self._holds(folder):
                    break
                self._release()
                if not self._take(folder):
                    return False
            return True

    def close(self) -> None:
        """Let the next daemon in, for good: a look that still goes on must not take the lock again."""
        self._closed = True
        with suppress(OSError), self._turn():
            self._release()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Raises OSError where an earlier look still waits for a share that doesn't answer."""
        if not self._one_at_a_time.acquire(timeout=_TURN_SECONDS):
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        try:
            yield
        finally:
            self._one_at_a_time.release()

    def _release(self) -> None:
        if self._descriptor is not None:
            # On a share that has gone away closing, too, can wait for an answer, for ever.
            self._letting_go = Thread(target=_close, args=(self._descriptor,), daemon=True)
            self._letting_go.start()
            self._letting_go.join(_TURN_SECONDS)
            self._descriptor = self._locked = None

    def _take(self, folder: int) -> bool:
        descriptor = lasting_file(LOCK_NAME, folder)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _told_by(descriptor)
            os.close(descriptor)
            if error.errno in _HELD:
                if self._letting_go is not None and self._letting_go.is_alive():
                    raise TimeoutError(errno.ETIMEDOUT, "its lock is still being let go of") from None
                raise InboxHeld(holder) from None
            if error.errno in _NO_LOCKS:
                return False
            raise
        facts = os.fstat(descriptor)
        self._descriptor, self._locked = descriptor, (facts.st_dev, facts.st_ino)
        # Only for the sentence that the next one is refused with; the lock is held without it.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        return True

    def _holds(self, folder: int) -> bool:
        """Whether the file that is there is still the one that was locked. That one itself is never asked:
        its share may have been mounted anew, and the old mount gives errors, or hangs."""
        if self._locked is None:
            return False
        try:
            there = os.stat(LOCK_NAME, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == self._locked


def _close(descriptor: int) -> None:
    with suppress(OSError):  # that its share is gone
        os.close(descriptor)


def _told_by(descriptor: int) -> str:
    """Who has locked the file. A share may not let it be read while it is locked."""
    with suppress(OSError):
        text = os.pread(descriptor, _HOLDER_BYTES, 0).decode(errors="replace").strip()
        if text.isprintable() and text:
            return text
    return "process unknown"


Scope = frozenset[SetKey] | None
Look = tuple[RootStatus, Snapshot | None]

MOST_PAUSE_SECONDS = 900.0


def look_at(root: Root, scope: Scope, moved: Moved = stay_silent) -> Look:
    """Scan between two checks of the root, since a share whose server dies can list empty, with success.
    `moved` is called after every folder."""
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
    if after.degraded or after.place != before.place:
        return after, None
    return replace(after, marker_made=before.marker_made or after.marker_made), snapshot


class Looker:
    """Looks at one inbox in threads. A share that doesn't answer can hold a thread for hours: it is left
    there, and another one tries, since the path may lead to another mount by then.

    `beat` is called while a look goes on or is waited for, `moved` only when the file system has answered.
    """

    def __init__(self, root: Root, beat: Callable[[], None], moved: Callable[[], None]) -> None:
        self._root = root
        self._path: Path = root.path
        self._beat = beat
        self._tell_moved = moved
        self._moved_at = 0.0

    def check_at_once(self) -> RootStatus:
        """How the root stands. Blocks for some seconds at the most."""
        try:
            return at_once(self._path, self._root.check, START_SECONDS)
        except NoAnswer:
            self._root = self._root.another()
            return RootStatus(degraded=silent(self._path))

    async def look(self, scope: Scope, stalled: Callable[[str], None]) -> Look:
        """The first answer. `stalled` is told, again and again, while there is none."""
        began = self._moved_at = time.monotonic()
        roots = {self._begun(self._root, scope, self._move): self._root}
        pause_seconds = PATIENCE_SECONDS
        again_at = began + pause_seconds
        try:
            while not (done := await self._answered(set(roots))):
                self._beat()
                if time.monotonic() - self._moved_at < PATIENCE_SECONDS:
                    self._tell_moved()
                    continue  # large, or slow, but alive
                stalled(silent(self._path))
                if time.monotonic() >= again_at:
                    fresh = self._root.another()
                    # What it sees on its way proves nothing: a share can answer from its cache.
                    roots[self._begun(fresh, None, stay_silent)] = fresh
                    pause_seconds = min(2 * pause_seconds, MOST_PAUSE_SECONDS)
                    again_at = time.monotonic() + pause_seconds
        finally:
            for look in roots:
                look.cancel()
        self._beat()
        self._tell_moved()
        self._root = roots[done]
        return done.result()

    async def _answered(self, looks: set[asyncio.Future[Look]]) -> asyncio.Future[Look] | None:
        done, _ = await asyncio.wait(looks, timeout=PATIENCE_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return next(iter(done), None)

    def _begun(self, root: Root, scope: Scope, moved: Moved) -> asyncio.Future[Look]:
        return asyncio.ensure_future(to_thread.run_sync(look_at, root, scope, moved))

    def _move(self) -> None:
        self._moved_at = time.monotonic()


def silent(inbox: Path) -> str:
    return f"The inbox {inbox} doesn't answer. Is its share or disk all right?"


def confirm_inbox(inbox: Path, *, marker_id: str) -> None:
    """Raise LocalTrouble unless this is the inbox that holds the marker: what can't be seen in it counts as
    gone only then. Writes nothing."""
    doubt = Root(inbox, marker_id, first_start=False).check().degraded
    if doubt:
        raise LocalTrouble(doubt, hint="The work continues by itself once the inbox is back.")
