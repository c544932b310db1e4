"""Checks that output folders are on their own disk: a bare mount point takes files, and later hides them."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from hotfolder import log
from hotfolder.blocking import FileTimeout, call_within
from hotfolder.errors import LocalTrouble
from hotfolder.mounts import mount_number, mount_of, mounts_by_number
from hotfolder.newfiles import TEMPORARY_PREFIX, folder_at, new_file, read_marker
from hotfolder.outbox.faults import folder_making_trouble, local_trouble, path_text
from hotfolder.outbox.files import (
    Sharing,
    file_pieces,
    make_folder,
    replace_file,
    sha256_of,
    temporary_file,
)
from hotfolder.outbox.linking import sync_folder
from hotfolder.paths import entries, exists, is_dir, is_file
from hotfolder.rules.sets import as_int64

CONFIRMATION_NAME = ".hotfolder-here"
"""A file by which a person confirms that a folder is right, although no disk is mounted where one was."""

logger = log.get("folders")


@dataclass(frozen=True, slots=True)
class MountIdentity:
    """Where a folder was when it was last confirmed. `mount` is its disk's mount point, empty where that is
    unknown or not needed."""

    path: str
    device: int = 0
    inode: int = 0
    mount: str = ""

    @classmethod
    def of(cls, folder: Path) -> MountIdentity:
        """The folder's present identity. Raises OSError."""
        facts = folder.stat()
        return cls(str(folder), as_int64(facts.st_dev), as_int64(facts.st_ino), mount_point(folder))

    def is_same_folder(self, folder: Path) -> bool:
        """Whether the folder is still the one that was confirmed, on the same disk."""
        facts = folder.stat()
        return (as_int64(facts.st_dev), as_int64(facts.st_ino)) == (self.device, self.inode)

    def is_unmounted(self, folder: Path) -> bool:
        """Whether the folder's disk isn't mounted now: its path is on a mount above the former one. False for
        a folder that was moved to another disk, or replaced by another on the same one."""
        now = mount_point(folder)
        return bool(now) and now != self.mount and Path(self.mount).is_relative_to(now)


def mount_point(folder: Path) -> str:
    """The mount point above the folder, "" where it can't be determined."""
    mount = mount_of(folder)
    return str(mount.point) if mount is not None else ""


class OutputFolder:
    """An output folder. `known` is its identity when a daemon with this store last met it, if one has.

    `trouble` is why it can't be used, as last found; empty when all is well.
    """

    def __init__(self, path: Path, known: MountIdentity | None, sharing: Callable[[], Sharing]) -> None:
        self.path = path
        self.trouble = ""
        self.known = known if known is not None and known.path == str(path) else None
        """Its identity, for the next daemon; None while it was never met at this path."""
        self.blocked = False
        """Whether a call hangs on a mount that was taken away since: only a restart ends it."""
        self._sharing = sharing
        self._one_at_a_time = Lock()
        self._hangs_on: str | None = None

    def confirm(self) -> None:
        """Raise LocalTrouble unless files may be put into it. A missing one is made, if its disk is
        mounted."""
        with self._one_at_a_time:
            try:
                with folder_making_trouble(self.path):
                    self._confirm()
            except LocalTrouble as error:
                self._set_trouble(error.message)
                raise
            self._set_trouble("")

    def _confirm(self) -> None:
        known = self.known
        if is_dir(self.path):
            refuse_unwritable(self.path)
            if known is not None and known.is_same_folder(self.path):
                return
            right = (
                known is None or not known.is_unmounted(self.path) or exists(self.path / CONFIRMATION_NAME)
            )
        else:
            right = known is None or not known.is_unmounted(nearest_existing(self.path))
        if not right:
            assert known is not None
            raise LocalTrouble(
                f"{path_text(self.path)} can't be used: its disk is not mounted at {path_text(known.mount)}"
                " any more",
                hint="Connect its disk or share; the work continues by itself. If this is the right folder"
                f" all the same, put an empty file named {CONFIRMATION_NAME} into it.",
            )
        if known is not None and not is_dir(self.path):
            logger.warning("folder_made_anew", folder=str(self.path), reason="it was renamed or deleted")
        make_folder(self.path, self._sharing())
        self.known = MountIdentity.of(self.path)

    def check(self, seconds: float) -> None:
        """Confirm the folder and update `trouble`, which after `seconds` is that it doesn't answer. Then no
        further check begins until it does."""
        if self._one_at_a_time.locked() and self._hangs_on is not None:
            there = mounts_by_number()
            # An automounter puts a mount over its own, which is no reason: that one is still there.
            self.blocked = bool(there and self._hangs_on) and self._hangs_on not in there
            if self.blocked:
                self._set_trouble(
                    f"{path_text(self.path)} was unmounted while it didn't answer, and what had begun there"
                    " hangs. Mount it, and restart hotfolder"
                )
            return
        self._hangs_on, self.blocked = None, False
        mount = mount_number(self.path)
        try:
            call_within(self.path, self.confirm, seconds)
        except FileTimeout as error:
            self._hangs_on = mount
            self._set_trouble(error.message)
        except LocalTrouble:
            pass  # `confirm` has noted it

    def _set_trouble(self, trouble: str) -> None:
        if trouble and trouble != self.trouble:
            logger.warning("folder_out_of_reach", folder=str(self.path), reason=trouble)
        elif self.trouble and not trouble:
            logger.info("folder_back", folder=str(self.path))
        self.trouble = trouble


class ResultsFolder(OutputFolder):
    """The folder of bought pictures that machines share. A marker file with their store's id identifies
    it."""

    def __init__(self, path: Path, known: MountIdentity | None, store: str, *, met_before: bool) -> None:
        """`met_before`: whether any machine of the store has met it."""
        super().__init__(path, known, Sharing)
        self._store = store
        self._met_before = met_before

    def _confirm(self) -> None:
        if self.known is None or not (is_dir(self.path) and self.known.is_same_folder(self.path)):
            confirm_results(self.path, self._store, met_before=self._met_before)
            self.known, self._met_before = MountIdentity.of(self.path), True


class ArchiveFolder(OutputFolder):
    """The archive, checked for its status only: each set confirms it by itself before it is used."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, None, Sharing)

    def _confirm(self) -> None:
        confirm_archive(self.path, met_before=True)

    def _set_trouble(self, trouble: str) -> None:
        self.trouble = trouble  # not logged: before the first set it has no marker, which is no trouble


class OutputFolders:
    """All output folders, by name."""

    def __init__(self, outputs: Iterable[tuple[str, OutputFolder]]) -> None:
        self.by_name = dict(outputs)

    def confirm(self, path: Path) -> None:
        """Raise LocalTrouble where `path` is in an output folder that can't be used, or behind a link in
        it."""
        for output in self.by_name.values():
            if path.is_relative_to(output.path):
                output.confirm()
                refuse_links(output.path, path)

    def check(self, seconds: float) -> None:
        """Update each folder's `trouble`, waiting at most `seconds` for each."""
        for output in self.by_name.values():
            output.check(seconds)


def refuse_unwritable(folder: Path) -> None:
    """Raise OSError where nothing can be put into an existing folder: its disk is read-only, or its rights
    forbid it."""
    if not os.access(folder, os.W_OK | os.X_OK):
        read_only = os.statvfs(folder).f_flag & os.ST_RDONLY
        code = errno.EROFS if read_only else errno.EACCES
        raise OSError(code, os.strerror(code), str(folder))


def refuse_links(folder: Path, path: Path) -> None:
    """Raise LocalTrouble where `path`, or a folder between it and `folder`, is a link to anywhere."""
    if link := link_between(folder, path):
        raise LocalTrouble(
            f"{path_text(link)} is a link, and nothing is put where a link leads",
            hint="Put a folder in its place, or remove the link; the work continues by itself.",
        )


def link_between(folder: Path, path: Path) -> Path | None:
    """The link that `path` is or that leads to it from `folder`; None without one."""
    between = [path, *path.parents]
    return next((one for one in between[: between.index(folder)] if one.is_symlink()), None)


def nearest_existing(path: Path) -> Path:
    """The nearest parent that exists."""
    return next(parent for parent in path.parents if os.path.lexists(parent))


RESULTS_MARKER = ".hotfolder-results"
IGNORED_NAMES = frozenset({"lost+found", ".DS_Store"})


def confirm_results(folder: Path, store: str, *, met_before: bool) -> None:
    """Raise `LocalTrouble` unless the folder's marker has this store's id. An empty folder that is met for
    the first time gets the marker; no folder is made, since that could be on a bare mount point."""
    with local_trouble(folder):
        if not is_dir(folder):
            raise LocalTrouble(
                f"the folder of results {path_text(folder)} is not there",
                hint="Connect its disk or share, or make the folder; the work continues by itself.",
            )
        marker = folder / RESULTS_MARKER
        with folder_at(folder) as opened:
            named = read_marker(opened, RESULTS_MARKER)
        if named == store:
            return
        way_out = f"If it is the right folder all the same, write {store} into {path_text(marker)}."
        if named:
            raise LocalTrouble(
                f"the folder of results {path_text(folder)} is another hotfolder's: its {RESULTS_MARKER}"
                " names another store",
                hint=f"Name a folder of its own with `results` in the settings. {way_out}",
            )
        if met_before:
            raise LocalTrouble(
                f"{path_text(folder)} is not the folder of results that was used before: it holds no"
                f" {RESULTS_MARKER}",
                hint=f"Connect its disk or share; the work continues by itself. {way_out}",
            )
        names = [name for name in os.listdir(folder) if not name.startswith(TEMPORARY_PREFIX)]  # noqa: PTH208
        if set(names) - IGNORED_NAMES:
            raise LocalTrouble(
                f"the folder of results {path_text(folder)} holds other things: it is to be empty at the"
                " first start",
                hint=f"Name an empty folder with `results` in the settings. {way_out}",
            )
        # A machine that starts at the same time writes the same store's id.
        replace_file(marker, f"{store}\n".encode(), Sharing())
        sync_folder(folder)


def copy_results(source: Path, folder: Path) -> None:
    """Copy bought pictures from `source` into the folder of results, skipping those already there.
    Idempotent. Raises LocalTrouble."""
    with local_trouble(folder):
        for path in entries(source):
            target = folder / path.name
            if not is_file(path) or path.suffix == ".part":
                continue
            if not (is_file(target) and sha256_of(target) == sha256_of(path)):
                with temporary_file(folder, file_pieces(path), Sharing().apply_to_file) as (copied, _):
                    copied.replace(target)
        sync_folder(folder)


ARCHIVE_MARKER = ".hotfolder-archive"


def confirm_archive(folder: Path, *, met_before: bool) -> None:
    """Raise `LocalTrouble` unless the archive is there. An archive that is met for the first time gets a
    marker, so that the bare mount point of its disk is never taken for it later."""
    with local_trouble(folder):
        if not is_dir(folder):
            raise LocalTrouble(
                f"the archive {path_text(folder)} is not there",
                hint="Connect its disk, or make the folder; the work continues by itself.",
            )
        marker = folder / ARCHIVE_MARKER
        if exists(marker):
            return
        if met_before:
            raise LocalTrouble(
                f"{path_text(folder)} is not the archive that was used before: it holds no {ARCHIVE_MARKER}",
                hint="Connect its disk; the work continues by itself. If this is the right folder all the"
                " same, put an empty file of that name into it.",
            )
        with suppress(FileExistsError):
            os.close(new_file(str(marker)))
        sync_folder(folder)
