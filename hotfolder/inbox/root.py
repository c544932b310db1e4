"""Is the inbox the one that it was? An unmounted disk looks like an empty folder, and isn't one."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hotfolder.inbox.ignored import MARKER_NAME
from hotfolder.inbox.lock import InboxHeld, InboxLock
from hotfolder.newfiles import new_temporary, open_folder

_MARKER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class RootStanding:
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

    def another(self) -> Root:
        """One that knows as much, for another thread."""
        return Root(
            self.path, self._marker_id, first_start=self._unmet, known_place=self._place, lock=self._lock
        )

    def check(self) -> RootStanding:
        """Look at the folder and its marker; blocking. Never raises for what the file system does."""
        try:
            return self._check()
        except InboxHeld as held:
            return RootStanding(degraded=self._in_use(held.holder), holder=held.holder)
        except FileNotFoundError:
            return RootStanding(degraded=f"The inbox {self.path} is not there. Is its disk or share mounted?")
        except PermissionError as error:
            return RootStanding(
                degraded=f"The inbox {self.path} can't be used: {error.strerror}. It must be readable and "
                f"writable for user {os.geteuid()}, as whom hotfolder runs."
            )
        except OSError as error:
            return RootStanding(degraded=f"The inbox {self.path} can't be used: {error.strerror or error}.")

    def _check(self) -> RootStanding:
        if not stat.S_ISDIR(self.path.stat().st_mode):
            return RootStanding(degraded=f"The inbox {self.path} is not a folder.")
        folder = open_folder(self.path)
        try:
            return self._check_folder(folder)
        finally:
            os.close(folder)

    def _check_folder(self, folder: int) -> RootStanding:
        facts = os.fstat(folder)
        place = (facts.st_dev, facts.st_ino)
        found = self._read(folder)
        ours, missing = found == self._marker_id, found is None
        if not (ours or self._unmet or (missing and place == self._place)):
            return RootStanding(degraded=self._doubt(found))
        locked = self._lock is not None and self._lock.hold(folder)
        if not (ours or missing or locked):
            return RootStanding(degraded=self._doubt(found))
        if not ours:
            self._write(folder)
        made = not ours and self._place is not None
        self._unmet = False
        self._place = place
        return RootStanding(place=place, marker_made=made, lockable=locked or self._lock is None)

    def _in_use(self, holder: str) -> str:
        return (
            f"Another hotfolder ({holder}) works with the inbox {self.path} already. Two at once would pay "
            "for everything twice: stop one of them, or give it an inbox of its own."
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
