"""Advisory locks (flock) on a file in a folder, so that one process at a time uses it. A lock ends with its
process, even in a crash, and the file says which process holds it."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock, Thread

from hotfolder.newfiles import open_or_create

_HOLDER_BYTES = 400
_ATTEMPTS = 3
"""Retries for a file that is deleted between its creation and its locking. On a share where a file's inode
number changes at every call, the last attempt counts."""
_TURN_SECONDS = 2.0
_HELD = frozenset({errno.EWOULDBLOCK, errno.EACCES})
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})


class Held(Exception):
    """Another process holds the lock. `holder` says which one, as printable text. Where the lock is that of
    another folder, `folder` is that one, and `lies` its relation to this one: "contains" or "lies in"."""

    def __init__(self, holder: str, folder: Path | None = None, lies: str = "") -> None:
        super().__init__(holder)
        self.holder = holder
        self.folder = folder
        self.lies = lies

    @property
    def pid(self) -> int | None:
        """The holder's process id, None where it is unknown."""
        number = re.search(r"[0-9]+", self.holder)
        return int(number[0]) if number else None


class FolderLock:
    """A lock on the file `name` in a folder. Its methods may be called by several threads.

    The file may be deleted, or the folder replaced: then `hold` creates and locks it again.
    """

    def __init__(self, name: str, *, private: bool = False) -> None:
        """`private`: only this user can open the file; a lock whose holder can't be noted is released."""
        self.name = name
        self.private = private
        self._descriptor: int | None = None
        self._locked: tuple[int, int] | None = None
        self._letting_go: Thread | None = None
        self._closed = False
        self._one_at_a_time = Lock()

    def hold(self, folder: int) -> bool:
        """Acquire the lock, or check that it is still held. Returns False where the file system has no locks.
        `folder` is a descriptor: with a path, a file could be created in the empty mount point of a disk that
        is unmounted meanwhile.

        Idempotent. Raises Held, and OSError where the file can't be created or opened, or the share hangs.
        """
        if self._holds(folder) and not self._closed:
            return True
        with self._turn():
            if self._closed:
                raise Held("this process has let go of it")
            for _ in range(_ATTEMPTS):
                if self._holds(folder):
                    break
                self._release()
                if not self._take(folder):
                    return False
            return True

    def close(self) -> None:
        """Release the lock for good: a check that is still running must not acquire it again."""
        self._closed = True
        with suppress(OSError), self._turn():
            self._release()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One call at a time. Raises TimeoutError where an earlier one is blocked by a share that hangs."""
        if not self._one_at_a_time.acquire(timeout=_TURN_SECONDS):
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        try:
            yield
        finally:
            self._one_at_a_time.release()

    def _release(self) -> None:
        if self._descriptor is not None:
            # On a share that is gone, close() may block for ever.
            self._letting_go = Thread(target=_close, args=(self._descriptor,), daemon=True)
            self._letting_go.start()
            self._letting_go.join(_TURN_SECONDS)
            self._descriptor = self._locked = None

    def _take(self, folder: int) -> bool:
        mode = 0o600 if self.private else 0o666
        descriptor = open_or_create(self.name, folder, mode, writable=self.private)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _holder_in(descriptor)
            os.close(descriptor)
            if error.errno in _HELD:
                if self._letting_go is not None and self._letting_go.is_alive():
                    raise TimeoutError(errno.ETIMEDOUT, "its lock is still being let go of") from None
                raise Held(holder) from None
            if error.errno in _NO_LOCKS:
                return False
            raise
        facts = os.fstat(descriptor)
        self._descriptor, self._locked = descriptor, (facts.st_dev, facts.st_ino)
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        except OSError:
            if self.private:
                self._release()
                raise
        return True

    def _holds(self, folder: int) -> bool:
        """Whether the file in `folder` is still the one that was locked. The locked descriptor isn't used for
        this: its share may have been remounted, and calls to the old mount fail or hang."""
        if self._locked is None:
            return False
        try:
            there = os.stat(self.name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == self._locked


def _close(descriptor: int) -> None:
    with suppress(OSError):  # its share is gone
        os.close(descriptor)


def _holder_in(descriptor: int) -> str:
    """The holder that the file names. Some shares don't allow reading a locked file."""
    with suppress(OSError):
        text = os.pread(descriptor, _HOLDER_BYTES, 0).decode(errors="replace").strip()
        if text.isprintable() and text:
            return text
    return "process unknown"


def refuse_held(folder: Path, name: str) -> None:
    """Raise Held if a process holds the lock on the file `name` in `folder`. Creates no file."""
    try:
        lock = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        raise Held(_holder_in(lock)) from None
    finally:
        os.close(lock)
