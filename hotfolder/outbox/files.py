"""Our files: group, permissions, hashes, atomic writes; and temporary ones, always copies, safe to delete."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hotfolder.newfiles import folder_at, new_temporary, own_store, own_token, prefix_of, token
from hotfolder.outbox import linking
from hotfolder.outbox.faults import local_trouble
from hotfolder.outbox.linking import sync_folder
from hotfolder.paths import is_dir

GROUP_FILE = stat.S_IRGRP | stat.S_IWGRP
GROUP_FOLDER = stat.S_IRWXG | stat.S_ISGID


Guard = Callable[[Path], None]
"""Called before a file is put at a path. Raises `LocalTrouble` where the disk that belongs there is gone."""


def no_guard(_path: Path) -> None:
    """The guard for places that need none."""


@dataclass(frozen=True)
class Sharing:
    """The group of new files and folders; None keeps the one that the system gives them. And the guard that
    is called before they are put anywhere."""

    gid: int | None = None
    guard: Guard = no_guard

    @classmethod
    def of(cls, inbox: Path, guard: Guard = no_guard) -> Sharing:
        """The group of the inbox. Raises `OSError` where the inbox isn't there."""
        return cls(inbox.stat().st_gid, guard)

    def apply_to_file(self, descriptor: int) -> None:
        """Make the open file group-readable and group-writable, with this group. Errors are ignored."""
        self.set_group(descriptor, GROUP_FILE)

    def apply_to_folder(self, folder: Path) -> None:
        """Make the folder group-writable and setgid: what is made in it gets its group. Errors are
        ignored."""
        self.set_group(folder, GROUP_FOLDER)

    def set_group(self, what: Path | int, bits: int) -> None:
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
    """Make `path` and its missing parents, each shared and fsynced. Idempotent.

    Raises `NotADirectoryError` where a file is in the way, other OSErrors, and what the guard raises.
    """
    shared.guard(path)
    make_missing_folders(path, shared)


def make_missing_folders(path: Path, shared: Sharing) -> None:
    if is_dir(path):
        return
    make_missing_folders(path.parent, shared)
    try:
        path.mkdir()
    except FileExistsError:
        if not is_dir(path):
            raise NotADirectoryError(20, "Not a directory", str(path)) from None
        return
    shared.apply_to_folder(path)
    sync_folder(path.parent)


ABANDONED_NS = 24 * 3600 * 10**9
PIECE_BYTES = 1 << 20

Pieces = Callable[[], Iterable[bytes]]
"""A function that returns a file's bytes, piece by piece; the same bytes at each call."""


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Size and SHA-256 of a file's content."""

    size_bytes: int = 0
    sha256: str = ""


def file_pieces(path: Path) -> Iterator[bytes]:
    """The bytes of a file, for `place_as`: a copy and never a link, so that editing the picture in done/
    doesn't change the stored result."""
    with path.open("rb") as stream:
        while piece := stream.read(PIECE_BYTES):
            yield piece


def fingerprint(content: Iterable[bytes], stream: BinaryIO | None = None) -> Fingerprint:
    """The fingerprint of the content, which is also written into `stream` where one is given."""
    size_bytes, hashed = 0, hashlib.sha256()
    for piece in content:
        size_bytes += len(piece)
        hashed.update(piece)
        if stream is not None:
            stream.write(piece)
    return Fingerprint(size_bytes, hashed.hexdigest())


@contextmanager
def temporary_file(
    folder: Path, content: Iterable[bytes], finish: Callable[[int], None]
) -> Iterator[tuple[Path, Fingerprint]]:
    """A new file of this content in `folder`, fsynced; deleted on leaving the block unless it was renamed.
    `finish` sets the permissions, by its descriptor. Raises OSError, and what `content` raises."""
    # By the folder's descriptor: people rename folders while we write, and a leftover would stay for good.
    with folder_at(folder) as place:
        name = ""
        try:
            name, descriptor = new_temporary(place)
            with os.fdopen(descriptor, "wb") as stream:
                written = fingerprint(content, stream)
                stream.flush()
                finish(descriptor)
                os.fsync(descriptor)
            yield folder / name, written
        finally:
            if name:
                with suppress(OSError):
                    os.unlink(name, dir_fd=place)


def replace_file(path: Path, data: bytes, shared: Sharing) -> None:
    """Write a file atomically, replacing any at `path`. It is a new inode, fsynced and then renamed; the
    folder isn't fsynced. Raises OSError."""
    with temporary_file(path.parent, [data], shared.apply_to_file) as (temporary, _):
        temporary.replace(path)


def write_once(path: Path, text: str, mode: int, owner: tuple[int, int] | None = None) -> bool:
    """Create the file atomically with this mode and owner; False, with nothing changed, where the name is
    taken. Raises LocalTrouble."""

    def finish(descriptor: int) -> None:
        os.fchmod(descriptor, mode)
        if owner is not None:
            os.fchown(descriptor, *owner)

    with local_trouble(path):
        try:
            with temporary_file(path.parent, [text.encode()], finish) as (temporary, _):
                linking.move_exclusively(temporary, path)
        except FileExistsError:
            return False
    return True


def sha256_of(path: Path) -> str:
    """The SHA-256 of the file's bytes, as hex. Raises OSError."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def delete_stale_temporaries(folder: Path, gone: Collection[str] = ()) -> None:
    """Delete temporary files and folders in `folder` and below that are older than this process, and were
    made by this machine or those with the identities `gone`. Follows no links.

    Other daemons' files stay. Commands' files don't name their machine: these, like other machines'
    reservations, are deleted when unchanged for a day, longer than any write takes. What can't be read or
    deleted is skipped: a leftover does no harm.
    """
    owners = {own_token(), *map(token, gone)}
    ours = tuple(map(prefix_of, owners))
    of_commands = prefix_of(own_store() or own_token())  # of any machine: they are named after the store
    for parent, folders, names in os.walk(folder):
        for name in [one for one in folders if one.startswith(ours)]:
            folders.remove(name)
            with suppress(OSError):
                if os.lstat(Path(parent, name)).st_ctime_ns < linking.PROCESS_STARTED_NS:
                    shutil.rmtree(Path(parent, name))
        for name in names:
            with suppress(OSError):
                path = Path(parent, name)
                reserved = name.startswith(linking.RESERVATION_PREFIX)
                known = reserved and linking.reserved_by(path)[0] in ("", *owners)
                if known or name.startswith(ours):
                    remove_if_older(path, linking.PROCESS_STARTED_NS)
                elif reserved or name.startswith(of_commands):
                    remove_if_older(path, linking.PROCESS_STARTED_NS - ABANDONED_NS)


def remove_if_older(path: Path, than_ns: int) -> None:
    # By ctime: a copy being made for another disk already has the old mtime of its original.
    if os.lstat(path).st_ctime_ns < than_ns:
        path.unlink()
