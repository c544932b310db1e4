"""Photos streamed from disk: 1 MiB reads off the event loop, exactly as many bytes as announced."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hotfolder.errors import LocalTrouble, SetChanged
from hotfolder.patience import patiently
from hotfolder.stager.throttle import Throttle

# Measured: 64 KiB reads cost four fifths of the speed, and so does the whole file in memory.
PIECE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class OpenPhoto:
    """A photo that stays open while it is sent, so that a rename can't swap it."""

    name: str
    file: BinaryIO
    size_bytes: int
    mtime_ns: int

    async def pieces(self, throttle: Throttle | None = None) -> AsyncIterator[bytes]:
        """All of it, as fast as `throttle` allows. Raises SetChanged when it is no longer what was opened,
        LocalTrouble when unreadable."""
        left_bytes = self.size_bytes
        while left_bytes:
            piece_bytes = min(throttle.piece_bytes if throttle else PIECE_BYTES, left_bytes)
            if throttle is not None:
                await throttle.take(piece_bytes)
            try:
                piece = await patiently(Path(self.name), self.file.read, piece_bytes)
            except OSError as problem:
                raise unreadable(self.name, problem) from None
            if not piece:
                raise changed(self.name)
            left_bytes -= len(piece)
            if not left_bytes:
                await patiently(Path(self.name), self.check)
            yield piece

    def check(self) -> None:
        """Raises SetChanged when the file was written to since it was opened."""
        now = os.fstat(self.file.fileno())
        if (now.st_size, now.st_mtime_ns) != (self.size_bytes, self.mtime_ns):
            raise changed(self.name)


@asynccontextmanager
async def opened_photo(photo: Path, size_bytes: int | None = None) -> AsyncIterator[OpenPhoto]:
    """As `open_photo`, off the event loop: on a share every step may wait, closing too. Raises LocalTrouble
    when the share doesn't answer."""
    found = await patiently(photo, open_photo, photo, size_bytes)
    try:
        yield found
    finally:
        await patiently(photo, found.file.close)


def open_photo(photo: Path, size_bytes: int | None = None) -> OpenPhoto:
    """Open a regular file, no symlink. Raises SetChanged when it is gone or not `size_bytes` long."""
    try:
        # O_NONBLOCK: opening a FIFO would otherwise hang for good.
        descriptor = os.open(photo, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise changed(photo.name) from None
    except OSError as problem:
        if problem.errno == errno.ELOOP:
            raise changed(photo.name) from None
        raise unreadable(photo.name, problem) from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or size_bytes not in (None, found.st_size):
        os.close(descriptor)
        raise changed(photo.name)
    return OpenPhoto(photo.name, os.fdopen(descriptor, "rb"), found.st_size, found.st_mtime_ns)


def changed(name: str) -> SetChanged:
    return SetChanged(f"{name!r} changed or went away while it was being sent")


def unreadable(name: str, problem: OSError) -> LocalTrouble:
    return LocalTrouble(f"{name!r} can't be read: {problem.strerror}")
