"""Renaming a file without ever replacing another, by three methods in order of preference."""

from __future__ import annotations

import ctypes
import errno
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from hotfolder.newfiles import TEMPORARY_PREFIX, new_file, own_store, own_token

Way = Callable[[Path, Path], None]
Sync = Callable[[Path], object]
"""Makes a folder's entries durable, at once or later."""

RESERVATION_PREFIX = f"{TEMPORARY_PREFIX}name-"
PROCESS_STARTED_NS = time.time_ns()
NOT_REMOVED: set[Path] = set()
"""Reservations that this process could not delete, since their share went away: it ignores them."""
AT_FDCWD = -100
RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2
UNSUPPORTED_ERRORS = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
# On other errors of link (EPERM from exFAT and for other people's files, EIO from rclone, EMLINK), the
# last resort either works or raises the real cause.
FINAL_FOR_LINKS = frozenset({errno.EEXIST, errno.ENOENT})


class Unsupported(Exception):
    """The file system doesn't support this method."""


@cache
def renameat2() -> Any:
    """The C library's function; None where it has none."""
    return getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


def rename_exclusively(source: Path, target: Path) -> None:
    """Rename atomically (RENAME_NOREPLACE). Raises `Unsupported`, as on NFS and old C libraries, and
    OSError."""
    rename_with_flag(RENAME_NOREPLACE, source, target)


def exchange(one: Path, other: Path) -> None:
    """Exchange two names atomically. Raises `Unsupported` where that is impossible, and OSError."""
    rename_with_flag(RENAME_EXCHANGE, one, other)


def rename_with_flag(how: int, source: Path, target: Path) -> None:
    rename = renameat2()
    if rename is None:
        raise Unsupported
    if rename(AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(target), how) == 0:
        return
    number = ctypes.get_errno()
    if number in UNSUPPORTED_ERRORS:
        raise Unsupported
    raise OSError(number, os.strerror(number), str(source), None, str(target))


def link_and_unlink(source: Path, target: Path) -> None:
    """Hard-link, then unlink the old name. A crash in between leaves both, which `same_file` recognises.
    Raises `Unsupported` and OSError."""
    before = os.lstat(source)
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        elsewhere = error.errno == errno.EXDEV and source.parent != target.parent
        if error.errno in FINAL_FOR_LINKS or elsewhere:
            raise
        raise Unsupported from error
    sync_folder(target.parent)
    # Another file may have taken the old name meanwhile; it must not be deleted.
    if same_file(before, os.lstat(source)) and same_state(before, os.lstat(source)):
        source.unlink()


def reserve_and_rename(source: Path, target: Path) -> None:
    """Reserve the target's name by an empty file beside it, then rename if the target is free. For file
    systems without links.

    The target itself is not created: on a Samba share mounted by rclone, whose client writes closed files
    seconds later, a rename over an empty file that was still to be written left an empty file, and the photo
    was lost. A writer that ignores reservations and takes the name between check and rename is replaced.
    Raises FileExistsError and OSError.
    """
    reservation = target.with_name(f"{RESERVATION_PREFIX}{sha256(os.fsencode(target.name)).hexdigest()[:16]}")
    try:
        descriptor = new_file(str(reservation), mode=0o644)
        with suppress(OSError), os.fdopen(descriptor, "wb") as stream:  # the name is what counts
            stream.write(f"{own_token()} {own_store()}".encode() if own_store() else b"")
    except FileExistsError:
        if reservation not in NOT_REMOVED and not is_left_behind(reservation):
            raise
    except OSError:
        NOT_REMOVED.add(reservation)  # it may have been made nevertheless
        raise
    NOT_REMOVED.discard(reservation)
    try:
        if lstat_or_none(target) is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        source.rename(target)
    finally:
        try:
            reservation.unlink(missing_ok=True)
            NOT_REMOVED.discard(reservation)
        except OSError:
            NOT_REMOVED.add(reservation)


def reserved_by(reservation: Path) -> tuple[str, str]:
    """The tokens of the machine and the store that made a reservation; "" where it doesn't say. Some shares
    show a file's content only seconds after it was written."""
    with suppress(OSError), os.fdopen(os.open(reservation, os.O_RDONLY | os.O_NOFOLLOW), "rb") as stream:
        machine, _, store = stream.read(64).decode("ascii", "replace").partition(" ")
        return machine, store
    return "", ""


def is_left_behind(reservation: Path) -> bool:
    """Whether a reservation is stale. One of our own store always is: the store gives a name to one job,
    which one thread uses at a time. One without a store is if it is empty and older than this process."""
    _, store = reserved_by(reservation)
    if store:
        return store == own_store()
    found = lstat_or_none(reservation)
    return found is not None and found.st_size == 0 and found.st_ctime_ns < PROCESS_STARTED_NS


WAYS: tuple[Way, ...] = (rename_exclusively, link_and_unlink, reserve_and_rename)


def sync_folder(folder: Path) -> None:
    """Fsync `folder`, where its file system supports that. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in UNSUPPORTED_ERRORS:
            raise
    finally:
        os.close(descriptor)


def move_exclusively(source: Path, target: Path, sync: Sync = sync_folder) -> None:
    """Rename `source` to `target` without replacing anything; durable once `sync` is done with both folders.

    Raises `FileExistsError` where `target` is taken, and `OSError`, with EXDEV where the two are on different
    mounts; nothing has changed in these two cases.
    """
    for way in WAYS:
        try:
            way(source, target)
        except Unsupported:
            continue
        sync(target.parent)
        if source.parent != target.parent:
            sync(source.parent)
        return
    raise OSError(errno.ENOTSUP, "no way to rename without replacing", str(target))


def same_file(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def same_state(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether size and mtime agree. Across a rename this must do: some shares derive inodes from the path."""
    return (one.st_size, one.st_mtime_ns) == (other.st_size, other.st_mtime_ns)


def lstat_or_none(path: Path) -> os.stat_result | None:
    """The `lstat` of `path`; None where nothing is there. Raises OSError."""
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None
