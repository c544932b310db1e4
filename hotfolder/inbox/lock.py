"""One daemon per inbox, whichever `state` folder and machine it has."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock, Thread

from hotfolder.inbox.ignored import LOCK_NAME
from hotfolder.newfiles import lasting_file

_HOLDER_BYTES = 400
_ATTEMPTS = 3
"""Somebody may delete the file between our making and our locking it. On a share that numbers files anew at
every look, the last attempt counts."""
_TURN_SECONDS = 2.0
_HELD = frozenset({errno.EWOULDBLOCK, errno.EACCES})
_NO_LOCKS = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL})


class InboxHeld(Exception):
    """Another process has the lock. `holder` says which one, in words that can be printed."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


class InboxLock:
    """An advisory lock on a file in the inbox. It ends with its process, however that ends.

    Nothing relies on the file's being there: where it was deleted, or the inbox is another folder now, it is
    made and locked anew.
    """

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self._locked: tuple[int, int] | None = None
        self._letting_go: Thread | None = None
        self._closed = False
        self._one_at_a_time = Lock()

    def hold(self, folder: int) -> bool:
        """Have the lock; False where the file system knows no locks. `folder` is a descriptor of the inbox:
        so nothing is made in a bare mount point when the inbox goes away meanwhile.

        Raises InboxHeld, and OSError where the file can't be made or opened. May be repeated.
        """
        if self._holds(folder) and not self._closed:
            return True
        with self._turn():
            if self._closed:
                raise InboxHeld("this process has let go of it")
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
        descriptor = lasting_file(LOCK_NAME, folder)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _told_by(descriptor)
            os.close(descriptor)
            if error.errno in _HELD:
                if self._letting_go is not None and self._letting_go.is_alive():
                    raise TimeoutError(errno.ETIMEDOUT, "its lock is still being let go of") from None
                raise InboxHeld(holder) from None
            if error.errno in _NO_LOCKS:
                return False
            raise
        facts = os.fstat(descriptor)
        self._descriptor, self._locked = descriptor, (facts.st_dev, facts.st_ino)
        # Only for the sentence that the next one is refused with; the lock is held without it.
        with suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        return True

    def _holds(self, folder: int) -> bool:
        """Whether the file that is there is still the one that was locked. That one itself is never asked:
        its share may have been mounted anew, and the old mount gives errors, or hangs."""
        if self._locked is None:
            return False
        try:
            there = os.stat(LOCK_NAME, dir_fd=folder, follow_symlinks=False)
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
