"""Are the folders that we put things into where they were? A bare mount point takes files, and hides them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from hotfolder import log
from hotfolder.errors import LocalTrouble
from hotfolder.mounts import mount_of
from hotfolder.newfiles import TEMPORARY_PREFIX, folder_at, new_file, read_marker
from hotfolder.outbox.faults import local_trouble, shown
from hotfolder.outbox.files import (
    Sharing,
    make_folder,
    pieces_of,
    replace_file,
    sha256_of,
    temporary_file,
)
from hotfolder.outbox.linking import sync_folder
from hotfolder.rules.sets import signed

RIGHT_AFTER_ALL = ".hotfolder-here"
"""A file by which a person says that a folder is the right one, though no disk is mounted where it was."""

logger = log.get("folders")


@dataclass(frozen=True, slots=True)
class MountIdentity:
    """Where a folder was when it was last found to be right. `mount` is its disk's mount point, empty where
    that isn't of interest."""

    path: str
    device: int = 0
    inode: int = 0
    mount: str = ""

    @classmethod
    def of(cls, folder: Path) -> MountIdentity:
        """Raises OSError."""
        facts = folder.stat()
        return cls(str(folder), signed(facts.st_dev), signed(facts.st_ino), mount_point(folder))

    def same_folder(self, folder: Path) -> bool:
        facts = folder.stat()
        return (signed(facts.st_dev), signed(facts.st_ino)) == (self.device, self.inode)

    def unmounted(self, folder: Path) -> bool:
        """Whether the disk that `folder` was on isn't mounted there now. A folder that was moved to another
        disk, or replaced by another on the same one, is none the less there."""
        now = mount_point(folder)
        return bool(now) and now != self.mount and Path(self.mount).is_relative_to(now)


def mount_point(folder: Path) -> str:
    """Empty where nobody can tell."""
    mount = mount_of(folder)
    return str(mount.point) if mount is not None else ""


class OutputFolder:
    """One of them. `known` is where it was when a daemon with this store last met it, if one ever has.

    `trouble` is why it can't be used, as found last; empty when all is well.
    """

    def __init__(self, path: Path, known: MountIdentity | None, sharing: Callable[[], Sharing]) -> None:
        self.path = path
        self.trouble = ""
        self.known = known if known is not None and known.path == str(path) else None
        """Where it is, for the next daemon; None while it was never met."""
        self._sharing = sharing
        self._one_at_a_time = Lock()

    def confirm(self) -> None:
        """Raise LocalTrouble unless files may be put into it. It is made where it is missing, on its disk."""
        with self._one_at_a_time:
            try:
                with local_trouble(self.path):
                    self._confirm()
            except LocalTrouble as error:
                self._take(error.message)
                raise
            self._take("")

    def _confirm(self) -> None:
        known = self.known
        if self.path.is_dir():
            if known is not None and known.same_folder(self.path):
                return
            right = known is None or not known.unmounted(self.path) or (self.path / RIGHT_AFTER_ALL).exists()
        else:
            right = known is None or not known.unmounted(nearest(self.path))
        if not right:
            assert known is not None
            raise LocalTrouble(
                f"{shown(self.path)} can't be used: its disk is not mounted at {shown(known.mount)} any more",
                hint="Connect its disk or share; the work continues by itself. If this is the right folder"
                f" all the same, put an empty file named {RIGHT_AFTER_ALL} into it.",
            )
        if known is not None and not self.path.is_dir():
            logger.warning("folder_made_anew", folder=str(self.path), reason="it was renamed or deleted")
        make_folder(self.path, self._sharing())
        self.known = MountIdentity.of(self.path)

    def _take(self, trouble: str) -> None:
        if trouble and trouble != self.trouble:
            logger.warning("folder_out_of_reach", folder=str(self.path), reason=trouble)
        elif self.trouble and not trouble:
            logger.info("folder_back", folder=str(self.path))
        self.trouble = trouble


class ResultsFolder(OutputFolder):
    """The folder of bought pictures that machines share: known by a marker, which names their store."""

    def __init__(self, path: Path, known: MountIdentity | None, store: str, *, met_before: bool) -> None:
        """`met_before`: whether any machine of the store has met it."""
        super().__init__(path, known, Sharing)
        self._store = store
        self._met_before = met_before

    def _confirm(self) -> None:
        if self.known is None or not (self.path.is_dir() and self.known.same_folder(self.path)):
            confirm_results(self.path, self._store, met_before=self._met_before)
            self.known, self._met_before = MountIdentity.of(self.path), True


class OutputFolders:
    """All of them."""

    def __init__(self, outputs: Iterable[tuple[str, OutputFolder]]) -> None:
        self.by_name = dict(outputs)

    def confirm(self, path: Path) -> None:
        """Raise LocalTrouble where `path` is in one of them that can't be used now."""
        for output in self.by_name.values():
            if path.is_relative_to(output.path):
                output.confirm()
                refuse_links(output.path, path)

    def look(self) -> None:
        """Note how they stand. Blocks for as long as a share doesn't answer."""
        for output in self.by_name.values():
            try:
                output.confirm()
            except LocalTrouble:
                continue  # noted by the output itself


def refuse_links(folder: Path, path: Path) -> None:
    """Raise LocalTrouble where what lies between `folder` and `path` is a link: it may lead anywhere."""
    between = [path, *path.parents]
    for one in between[: between.index(folder)]:
        if one.is_symlink():
            raise LocalTrouble(
                f"{shown(one)} is a link, and nothing is put where a link leads",
                hint="Put a folder in its place, or remove the link; the work continues by itself.",
            )


def nearest(path: Path) -> Path:
    """The nearest folder above that is there."""
    return next(parent for parent in path.parents if os.path.lexists(parent))


RESULTS_MARKER = ".hotfolder-results"
NOBODYS = frozenset({"lost+found", ".DS_Store"})


def confirm_results(folder: Path, store: str, *, met_before: bool) -> None:
    """Raise `LocalTrouble` unless the folder's marker names the store with this id. An empty one that is met
    for the first time gets its marker; none is ever made, since a bare mount point would be, too."""
    with local_trouble(folder):
        if not folder.is_dir():
            raise LocalTrouble(
                f"the folder of results {shown(folder)} is not there",
                hint="Connect its disk or share, or make the folder; the work continues by itself.",
            )
        marker = folder / RESULTS_MARKER
        with folder_at(folder) as opened:
            named = read_marker(opened, RESULTS_MARKER)
        if named == store:
            return
        way_out = f"If it is the right folder all the same, write {store} into {shown(marker)}."
        if named:
            raise LocalTrouble(
                f"the folder of results {shown(folder)} is another hotfolder's: its {RESULTS_MARKER} names"
                " another store",
                hint=f"Name a folder of its own with `results` in the settings. {way_out}",
            )
        if met_before:
            raise LocalTrouble(
                f"{shown(folder)} is not the folder of results that was used before: it holds no"
                f" {RESULTS_MARKER}",
                hint=f"Connect its disk or share; the work continues by itself. {way_out}",
            )
        names = [name for name in os.listdir(folder) if not name.startswith(TEMPORARY_PREFIX)]  # noqa: PTH208
        if set(names) - NOBODYS:
            raise LocalTrouble(
                f"the folder of results {shown(folder)} holds other things: it is to be empty at the first"
                " start",
                hint=f"Name an empty folder with `results` in the settings. {way_out}",
            )
        # A machine that starts at the same time puts the same store there.
        replace_file(marker, f"{store}\n".encode(), Sharing())
        sync_folder(folder)


def bring_results(source: Path, folder: Path) -> None:
    """Copy what was bought from `source` into the folder of results, but for what lies there as it is. May be
    repeated. Raises LocalTrouble."""
    with local_trouble(folder):
        for path in sorted(source.iterdir()) if source.is_dir() else []:
            target = folder / path.name
            if not path.is_file() or path.suffix == ".part":
                continue
            if not (target.is_file() and sha256_of(target) == sha256_of(path)):
                with temporary_file(folder, pieces_of(path), Sharing().apply_to_file) as (copied, _):
                    copied.replace(target)
        sync_folder(folder)


ARCHIVE_MARKER = ".hotfolder-archive"


def confirm_archive(folder: Path, *, met_before: bool) -> None:
    """Raise `LocalTrouble` unless the archive is there. One that is met for the first time gets a marker, so
    that the bare folder of a disk that isn't mounted is never taken for it later."""
    with local_trouble(folder):
        if not folder.is_dir():
            raise LocalTrouble(
                f"the archive {shown(folder)} is not there",
                hint="Connect its disk, or make the folder; the work continues by itself.",
            )
        marker = folder / ARCHIVE_MARKER
        if marker.exists():
            return
        if met_before:
            raise LocalTrouble(
                f"{shown(folder)} is not the archive that was used before: it holds no {ARCHIVE_MARKER}",
                hint="Connect its disk; the work continues by itself. If this is the right folder all the"
                " same, put an empty file of that name into it.",
            )
        with suppress(FileExistsError):
            os.close(new_file(str(marker)))
        sync_folder(folder)
