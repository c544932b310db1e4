"""New files in folders that others write to as well: never one that is there, never through a link."""

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


def own_temporaries(identity: str, store: str) -> None:
    """Name this process's temporary files after the machine or the store with this identity, so that they are
    known as its own after a restart, and are never taken for another daemon's. `store` is the identity of the
    store, which machines may share."""
    global _owner, _store
    _owner, _store = token(identity), token(store)


def token(identity: str) -> str:
    """What stands for a machine or a store in names."""
    return hashlib.sha256(identity.encode()).hexdigest()[:10]


def prefix_of(owner: str) -> str:
    """What the names of all temporary files of the machine or the store with this token begin with."""
    return f"{TEMPORARY_PREFIX}{owner}-"


def own_prefix() -> str:
    """`prefix_of` this process's."""
    return prefix_of(_owner)


def own_token() -> str:
    return _owner


def own_store() -> str:
    """The token of this process's store; "" where it has none."""
    return _store


def new_temporary(folder: int) -> tuple[str, int]:
    """A new, empty file with a name that nobody can guess, in the folder that the descriptor `folder` is of:
    its name, and a descriptor to read and write it. Raises OSError."""
    name = own_prefix() + secrets.token_hex(8)
    return name, new_file(name, folder)


def new_file(name: str, folder: int | None = None, mode: int = 0o666) -> int:
    """A descriptor of a new, empty file. Raises FileExistsError where anything has the name, even a link to
    nowhere, and OSError."""
    return os.open(name, _SAFE | os.O_CREAT | os.O_EXCL | os.O_RDWR, mode, dir_fd=folder)


def write_whole(folder: int, name: str, content: bytes, temporary: str = "") -> None:
    """Put a file with this content into the folder that the descriptor is of, whole or not at all, in place
    of any other of that name. It is a new file each time. Until it is whole it is called `temporary`, or by a
    name of this process's own. Raises OSError."""
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


def lasting_file(name: str, folder: int, mode: int = 0o666) -> int:
    """A descriptor of the one file with this name, made where it is missing: a plain file, by one name only,
    since a link's other name may be that of a file which is not to be written. Raises OSError."""
    try:
        descriptor = os.open(name, _SAFE | os.O_RDWR | os.O_CREAT, mode, dir_fd=folder)
    except OSError as error:
        # Another user's file, or a disk that is read-only just now.
        if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise
        try:
            descriptor = os.open(name, _SAFE | os.O_RDONLY, dir_fd=folder)
        except FileNotFoundError:
            # The folder is there, and nothing may be made in it: not to be taken for one that is missing.
            raise error from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(descriptor)
        raise OSError(errno.EPERM, f"{name} is a link, or no plain file: remove it")
    return descriptor


@contextmanager
def folder_beneath(root: os.PathLike[str] | str, *names: str) -> Iterator[int]:
    """A descriptor for listing the folder that is reached from `root` by these names, none of them a link:
    whoever exchanges one for a link meanwhile leads nobody elsewhere. Raises OSError."""
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
    """A descriptor for reading the file at `path`, which lies beneath `root`: no link is followed on the way
    from there. Raises OSError."""
    with folder_beneath(root, *path.parent.relative_to(root).parts) as folder:
        return os.open(path.name, _SAFE | os.O_RDONLY, dir_fd=folder)


@contextmanager
def folder_at(path: os.PathLike[str] | str) -> Iterator[int]:
    """A descriptor for the calls above, and for nothing else. It stays with its folder when that is renamed.
    Raises OSError."""
    folder = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield folder
    finally:
        os.close(folder)


def read_marker(folder: int, name: str) -> str | None:
    """What is written in a small file of this name, "" for nothing; None where there is none. Raises OSError,
    for a link too."""
    try:
        descriptor = os.open(name, _SAFE | os.O_RDONLY, dir_fd=folder)
    except FileNotFoundError:
        return None
    with open(descriptor, "rb") as file:  # noqa: PTH123 - a descriptor has no path
        return file.read(_MARKER_BYTES).decode("utf-8", "replace").strip()
