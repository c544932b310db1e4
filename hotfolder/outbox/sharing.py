"""Who may touch what we make: the studio's group, as in the inbox."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hotfolder.outbox.linking import sync_folder

GROUP_FILE = stat.S_IRGRP | stat.S_IWGRP
GROUP_FOLDER = stat.S_IRWXG | stat.S_ISGID


Guard = Callable[[Path], None]
"""Asked before anything is put at a path. Raises `LocalTrouble` where the disk that belongs there is gone."""


def unguarded(_path: Path) -> None:
    """For places that need no guard."""


@dataclass(frozen=True)
class Sharing:
    """The group that new files and folders get; None keeps the one that the system gives them. And who is
    asked whether they may be put there at all."""

    gid: int | None = None
    guard: Guard = unguarded

    @classmethod
    def of(cls, inbox: Path, guard: Guard = unguarded) -> Sharing:
        """The inbox's own group. Raises `OSError` where the inbox isn't there."""
        return cls(inbox.stat().st_gid, guard)

    def apply_to_file(self, descriptor: int) -> None:
        """Group-readable and group-writable, by an open descriptor."""
        self.apply(descriptor, GROUP_FILE)

    def apply_to_folder(self, folder: Path) -> None:
        """Group-writable, and handing its group on to what is made in it."""
        self.apply(folder, GROUP_FOLDER)

    def apply(self, what: Path | int, bits: int) -> None:
        # Best effort on purpose: shares with fixed owners (vfat, most SMB mounts) and groups that we
        # are not in answer with an error, and a picture with the wrong group beats no picture.
        if self.gid is not None:
            with suppress(OSError):
                os.chown(what, -1, self.gid)
        with suppress(OSError):
            mode = stat.S_IMODE(os.stat(what).st_mode)  # noqa: PTH116
            # A service that may set no setgid bit (RestrictSUIDSGID) still inherits it, and its umask leaves
            # the group's bits: then there is nothing to change, and nothing that could be refused.
            if mode | bits != mode:
                os.chmod(what, mode | bits)  # noqa: PTH101


def make_folder(path: Path, shared: Sharing) -> None:
    """Make `path` and what is missing above it, each shared and durable. It may be there already.

    Raises `NotADirectoryError` or `FileExistsError` where a file is in the way, and what the guard raises.
    """
    shared.guard(path)
    make_missing(path, shared)


def make_missing(path: Path, shared: Sharing) -> None:
    if path.is_dir():
        return
    make_missing(path.parent, shared)
    try:
        path.mkdir()
    except FileExistsError:
        if not path.is_dir():
            raise NotADirectoryError(20, "Not a directory", str(path)) from None
        return
    shared.apply_to_folder(path)
    sync_folder(path.parent)
