"""Is the inbox the one that it was? An unmounted disk looks like an empty folder, and isn't one."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from hotfolder.inbox.ignored import MARKER_NAME

_MARKER_BYTES = 4096


@dataclass(frozen=True, slots=True)
class RootStanding:
    """`degraded` is why the inbox can't be trusted now, "" when it can. `place` is its device and inode."""

    place: tuple[int, int] | None = None
    degraded: str = ""
    marker_made: bool = False


class Root:
    """The inbox's folder and its marker, a file that holds `marker_id` on its only line.

    With `first_start` a missing marker is made, and another store's is taken over: our store knows nothing of
    this inbox yet. Later a missing marker is made again only while device and inode are those seen last, by
    this process or, as `known_place`, by the one before.
    """

    def __init__(
        self, path: Path, marker_id: str, *, first_start: bool, known_place: tuple[int, int] | None = None
    ) -> None:
        self.path = path
        self._marker = path / MARKER_NAME
        self._marker_id = marker_id
        self._unmet = first_start
        self._place = known_place

    def check(self) -> RootStanding:
        """Look at the folder and its marker; blocking. Never raises for what the file system does."""
        try:
            return self._check()
        except FileNotFoundError:
            return RootStanding(degraded=f"The inbox {self.path} is not there. Is its disk or share mounted?")
        except OSError as error:
            return RootStanding(degraded=f"The inbox {self.path} can't be used: {error.strerror or error}.")

    def _check(self) -> RootStanding:
        facts = self.path.stat()
        if not stat.S_ISDIR(facts.st_mode):
            return RootStanding(degraded=f"The inbox {self.path} is not a folder.")
        place = (facts.st_dev, facts.st_ino)
        found = self._read()
        made = False
        if found != self._marker_id:
            if not (self._unmet or (found is None and place == self._place)):
                return RootStanding(degraded=self._doubt(found))
            self._write()
            made = self._place is not None
        self._unmet = False
        self._place = place
        return RootStanding(place=place, marker_made=made)

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

    def _read(self) -> str | None:
        try:
            descriptor = os.open(self._marker, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
            return file.read(_MARKER_BYTES).decode("utf-8", "replace").strip() or None

    def _write(self) -> None:
        fresh = self._marker.with_name(f"{MARKER_NAME}.{os.getpid()}.tmp")
        with fresh.open("w", encoding="utf-8") as file:
            file.write(self._marker_id + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._marker)
