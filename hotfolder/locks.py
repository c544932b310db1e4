"""Advisory locks on a file in a folder: one process at a time works with it. A lock ends with its process,
however that ends, and the file says which process has it."""

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

from hotfolder.newfiles import lasting_file

_HOLDER_BYTES = 400
_ATTEMPTS = 3
"""Somebody may delete the file between our making and our locking it. On a share that numbers files anew at
every look, the last attempt counts."""
_TURN_SECONDS = 2.0
_HELD = frozenset({errno.EWOULDBLOCK, errno.EACCES})
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})


class Held(Exception):
    """Another process has the lock. `holder` says which one, in words that can be printed. Where it is the
    lock of another folder, `folder` says of which one, and `lies` how it lies: "contains", or "lies in"."""

    def __init__(self, holder: str, folder: Path | None = None, lies: str = "") -> None:
        super().__init__(holder)
        self.holder = holder
        self.folder = folder
        self.lies = lies

    @property
    def pid(self) -> int | None:
        """Of the holder, where that is known."""
        number = re.search(r"[0-9]+", self.holder)
        return int(number[0]) if number else None


class FolderLock:
    """A lock on the file `name` in a folder. It may be held by several threads' turns, one after another.

    Nothing relies on the file's being there: where it was deleted, or another folder is in the place now, it
    is made and locked anew.
    """

    def __init__(self, name: str, *, private: bool = False) -> None:
        """One that is `private` is its owner's alone, and isn't held without saying by whom."""
        self.name = name
        self.private = private
        self._descriptor: int | None = None
        self._locked: tuple[int, int] | None = None
        self._letting_go: Thread | None = None
        self._closed = False
        self._one_at_a_time = Lock()

    def hold(self, folder: int) -> bool:
        """Have the lock; False where the file system knows no locks. `folder` is a descriptor of the folder:
        so nothing is made in a bare mount point when its disk goes away meanwhile.

        Raises Held, and OSError where the file can't be made or opened. May be repeated.
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
        """Let the next daemon in, for good: a look that still goes on must not take the lock again."""
        self._closed = True
        with suppress(OSError), self._turn():
            self._release()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Raises OSError where an earlier look still waits for a share that doesn't answer."""
        if not self._one_at_a_time.acquire(timeout=_TURN_SECONDS):
            raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        try:
            yield
        finally:
            self._one_at_a_time.release()

    def _release(self) -> None:
        if self._descriptor is not None:
            # On a share that has gone away closing, too, can wait for an answer, for ever.
            self._letting_go = Thread(target=_close, args=(self._descriptor,), daemon=True)
            self._letting_go.start()
            self._letting_go.join(_TURN_SECONDS)
            self._descriptor = self._locked = None

    def _take(self, folder: int) -> bool:
        descriptor = lasting_file(self.name, folder, 0o600 if self.private else 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _told_by(descriptor)
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
        """Whether the file that is there is still the one that was locked. That one itself is never asked:
        its share may have been mounted anew, and the old mount gives errors, or hangs."""
        if self._locked is None:
            return False
        try:
            there = os.stat(self.name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return (there.st_dev, there.st_ino) == self._locked


def _close(descriptor: int) -> None:
    with suppress(OSError):  # that its share is gone
        os.close(descriptor)


def _told_by(descriptor: int) -> str:
    """Who has locked the file. A share may not let it be read while it is locked."""
    with suppress(OSError):
        text = os.pread(descriptor, _HOLDER_BYTES, 0).decode(errors="replace").strip()
        if text.isprintable() and text:
            return text
    return "process unknown"


def refuse_held(folder: Path, name: str) -> None:
    """Raise Held where a process has the lock on the file `name` in `folder` now. Makes no file."""
    try:
        lock = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        raise Held(_told_by(lock)) from None
    finally:
        os.close(lock)
