"""One daemon per state folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from hotfolder.errors import UsageError

FILE_NAME = "daemon.lock"


class StateLock:
    """An advisory lock that ends with its process, however that ends. The file names the process."""

    def __init__(self, state: Path) -> None:
        """Take it. Raises UsageError, naming the holder, when another process has it."""
        path = state / FILE_NAME
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise UsageError(
                f"another hotfolder (process {holder or 'unknown'}) already works with {state}",
                hint="Stop that one first, or give this one a configuration with a `state` of its own.",
            ) from None
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let the next daemon in."""
        os.close(self._descriptor)


def holder_of(state: Path) -> int | None:
    """The process id of the daemon that works with `state` now, None when there is none."""
    try:
        descriptor = os.open(state / FILE_NAME, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except OSError:
        text = os.pread(descriptor, 32, 0).decode(errors="replace").strip()
        return int(text) if text.isdigit() else None
    finally:
        os.close(descriptor)
