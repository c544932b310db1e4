"""Safe file creation in folders that others write to: no link is followed, no existing file taken over."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import PurePath

TEMPORARY_PREFIX = ".hotfolder-tmp-"
_MARKER_BYTES = 4096
_SAFE = os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
_owner = "0"
_store = ""


def set_temporaries_owner(identity: str, store: str) -> None:
    """Set the owner that this process's temporary files are named after: the machine or store with this
    `identity`. So they are recognized after a restart, and never mistaken for another daemon's. `store` is
    the identity of the store, which machines may share."""
    global _owner, _store
    _owner, _store = token(identity), token(store)


def token(identity: str) -> str:
    """A short hash of a machine's or a store's identity, for use in file names."""
    return hashlib.sha256(identity.encode()).hexdigest()[:10]


def prefix_of(owner: str) -> str:
    """The prefix of all temporary files of the machine or store with the token `owner`."""
    return f"{TEMPORARY_PREFIX}{owner}-"


def own_prefix() -> str:
    """`prefix_of` this process's owner."""
    return prefix_of(_owner)


def own_token() -> str:
    return _owner


def own_store() -> str:
    """The token of this process's store; "" where it has none."""
    return _store


def new_temporary(folder: int) -> tuple[str, int]:
    """Create an empty file with an unguessable name in the folder with the descriptor `folder`. Returns its
    name, and a descriptor for reading and writing. Raises OSError."""
    name = own_prefix() + secrets.token_hex(8)
    return name, new_file(name, folder)


def new_file(name: str, folder: int | None = None, mode: int = 0o666) -> int:
    """Create an empty file and return a descriptor for reading and writing. Raises FileExistsError where the
    name exists, even as a dangling link, and OSError."""
    return os.open(name, _SAFE | os.O_CREAT | os.O_EXCL | os.O_RDWR, mode, dir_fd=folder)


def write_whole(folder: int, name: str, content: bytes, temporary: str = "") -> None:
    """Write a file atomically into the folder with the descriptor `folder`, replacing any of that name. It is
    a new inode each time, fsynced under the name `temporary`, or one with `own_prefix`, and then renamed; the
    folder isn't fsynced. Raises OSError."""
    temporary = temporary or own_prefix() + secrets.token_hex(8)
    try:
        with os.fdopen(new_file(temporary, folder), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    finally:
        with suppress(OSError):
            os.unlink(temporary, dir_fd=folder)


def open_or_create(name: str, folder: int, mode: int = 0o666, *, writable: bool = False) -> int:
    """Open the file with this name, created if missing; its descriptor is for reading only where writing
    isn't permitted, which with `writable` is an error. Raises OSError, also unless it is a regular file with
    a single hard link: another link may belong to a file that must not be written."""
    try:
        descriptor = os.open(name, _SAFE | os.O_RDWR | os.O_CREAT, mode, dir_fd=folder)
    except OSError as error:
        # Another user's file, or a disk that is read-only at the moment.
        if writable or error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        try:
            descriptor = os.open(name, _SAFE | os.O_RDONLY, dir_fd=folder)
        except FileNotFoundError:
            # The folder exists but isn't writable; FileNotFoundError would mean that it is missing.
            raise error from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(descriptor)
        raise OSError(errno.EPERM, f"{name} is a link, or no plain file: remove it")
    return descriptor


@contextmanager
def folder_beneath(root: os.PathLike[str] | str, *names: str) -> Iterator[int]:
    """Yield a descriptor for listing the folder `names` below `root`. None of the names may be a link, not
    even one that replaces a folder meanwhile. Raises OSError."""
    folder = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in names:
            above = folder
            folder = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)
            os.close(above)
        yield folder
    finally:
        os.close(folder)


def open_beneath(root: PurePath, path: PurePath) -> int:
    """Open the file at `path`, which lies beneath `root`, for reading; no link below `root` is followed.
    Raises OSError."""
    with folder_beneath(root, *path.parent.relative_to(root).parts) as folder:
        return os.open(path.name, _SAFE | os.O_RDONLY, dir_fd=folder)


@contextmanager
def folder_at(path: os.PathLike[str] | str) -> Iterator[int]:
    """Yield a descriptor of a folder that serves only the functions above (O_PATH). It remains valid when the
    folder is renamed. Raises OSError."""
    folder = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield folder
    finally:
        os.close(folder)


def read_marker(folder: int, name: str) -> str | None:
    """The text of a small file, its first 4,096 bytes without surrounding blanks; None where it is missing.
    Raises OSError, also for a link."""
    try:
        descriptor = os.open(name, _SAFE | os.O_RDONLY, dir_fd=folder)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
        return file.read(_MARKER_BYTES).decode("utf-8", "replace").strip()
