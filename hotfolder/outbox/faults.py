"""The one place where errors of the operating system become `LocalTrouble`."""

from __future__ import annotations

import errno
import math
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hotfolder.errors import LocalTrouble
from hotfolder.newfiles import TEMPORARY_PREFIX

FULL_BYTES = 200 * 1024 * 1024
"""A disk with less free space than this counts as full: a picture and its copies need about as much."""
SPACE_HINT = "Make room on that disk; the work continues by itself."
RIGHTS_HINT = (
    "Give the user that hotfolder runs as the right to write to it and its folder; the work continues by"
    " itself."
)
SHARE_HINT = "Check that the disk or share is connected; the work continues by itself."
RETRY_HINT = "It is tried again by itself."
MEMORY = ("there is not enough memory", "Check the machine's free memory; it is tried again by itself.")
FILES = ("too many files are open", "Check the limit on open files; it is tried again by itself.")
BUSY = ("it is in use just now", RETRY_HINT)
FAULTY = ("the disk or share reports an error", SHARE_HINT)
UNCONNECTED = ("the share is not connected", SHARE_HINT)
DISK_GONE = ("the disk has gone away", SHARE_HINT)
SILENT = ("the share's server doesn't answer", SHARE_HINT)

TROUBLES = {
    errno.ENOSPC: ("the disk is full", SPACE_HINT),
    errno.EDQUOT: ("the disk quota is used up", SPACE_HINT),
    errno.EROFS: ("the disk is read-only", "Mount it for writing; the work continues by itself."),
    errno.EACCES: ("no permission", RIGHTS_HINT),
    errno.EPERM: ("not permitted", RIGHTS_HINT),
    errno.EIO: FAULTY,
    errno.EREMOTEIO: FAULTY,
    errno.ESTALE: ("the share has gone away", SHARE_HINT),
    errno.ENOTCONN: UNCONNECTED,
    errno.ECONNABORTED: UNCONNECTED,  # a request to a FUSE server that was killed
    errno.ECONNRESET: UNCONNECTED,
    errno.ESHUTDOWN: UNCONNECTED,
    errno.ENODEV: DISK_GONE,
    errno.ENXIO: DISK_GONE,
    errno.EHOSTDOWN: SILENT,
    errno.EHOSTUNREACH: SILENT,
    errno.ENETUNREACH: SILENT,
    errno.ETIMEDOUT: SILENT,
    errno.EBUSY: BUSY,
    errno.ETXTBSY: BUSY,
    errno.EAGAIN: BUSY,
    errno.EINTR: BUSY,
    errno.EDEADLK: BUSY,
    errno.EMFILE: FILES,
    errno.ENFILE: FILES,
    errno.ENOMEM: MEMORY,
    errno.ENOLCK: ("the system has no more file locks to give", RETRY_HINT),
    errno.EFBIG: ("a file would become larger than the disk or a limit allows", SPACE_HINT),
    errno.ENOTDIR: (
        "a file stands where a folder is needed",
        "Rename that file; the work continues by itself.",
    ),
}


def make_our_folder(path: Path) -> None:
    """Make a private folder (mode 0700) and its missing parents. Raises LocalTrouble for every error."""
    with folder_making_trouble(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)


@contextmanager
def folder_making_trouble(path: Path) -> Iterator[None]:
    """As `local_trouble`, for creating a folder: every OSError becomes LocalTrouble."""
    try:
        with local_trouble(path):
            yield
    except FileExistsError:
        what, hint = TROUBLES[errno.ENOTDIR]
        raise LocalTrouble(f"{path_text(path)}: {what}", hint=hint) from None
    except OSError as error:
        raise LocalTrouble(
            f"{path_text(path)}: the folder can't be made: {error.strerror}",
            hint="Name another place for it.",
        ) from None


def path_text(path: Path | str | bytes) -> str:
    """A path as text that can be printed and stored; bytes that aren't UTF-8 are escaped with backslashes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def trouble_of(error: Exception, path: Path | str = "") -> LocalTrouble | None:
    """The `LocalTrouble` for an error of the system (OSError, no memory, no threads); None for a defect of
    ours. `path` is named where the error names none."""
    if isinstance(error, LocalTrouble):
        return error
    if isinstance(error, MemoryError) or "can't start new thread" in str(error):
        what, hint = MEMORY
    elif isinstance(error, OSError):
        what, hint = TROUBLES.get(error.errno or 0, ((error.strerror or str(error)).lower(), RETRY_HINT))
    else:
        return None
    where = getattr(error, "filename", None)
    if isinstance(where, str | bytes):
        folder, name = os.path.split(os.fsdecode(where))
        if name.startswith(TEMPORARY_PREFIX):
            where = folder or path  # a file in the making has another name at each try
        elif path and not folder:  # one in a folder that was opened before, somewhere along `path`
            where = path if name in Path(path).parts else f"{path} ({name})"
    else:
        where = path
    return LocalTrouble(f"{path_text(where)}: {what}" if where else what, hint=hint)


def free_bytes(path: Path) -> float:
    """The free space of the disk of an existing `path`; infinite where the disk names no size, as some
    shares. Blocks. Raises OSError."""
    found = shutil.disk_usage(path)
    return found.free if found.total else math.inf


@contextmanager
def local_trouble(path: Path) -> Iterator[None]:
    """Turn OSErrors of disks and shares (TROUBLES) into `LocalTrouble` about `path`; others pass through."""
    try:
        yield
    except OSError as error:
        trouble = trouble_of(error, path)
        if error.errno not in TROUBLES or trouble is None:
            raise
        raise trouble from error
