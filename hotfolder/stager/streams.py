"""Photos streamed from disk: reads of 2 MiB off the event loop, exactly as many bytes as announced."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hotfolder.errors import LocalTrouble, SetChanged
from hotfolder.patience import patiently
from hotfolder.stager.throttle import LARGEST_PIECE_BYTES, Throttle

Still = Callable[[int], None]
"""Takes the descriptor of what was opened. Raises where it isn't what is meant, or another condition has
ceased to hold."""


def anything(_descriptor: int) -> None:
    """For what is sent whatever it is."""


@dataclass(frozen=True, slots=True)
class OpenPhoto:
    """A photo that stays open while it is sent, so that a rename can't swap it. `still` is what else must
    hold once it was read: it raises where it doesn't."""

    name: str
    file: BinaryIO
    size_bytes: int
    mtime_ns: int
    still: Still

    async def pieces(self, throttle: Throttle | None = None) -> AsyncIterator[bytes]:
        """All of it, as fast as `throttle` allows. Raises SetChanged when it is no longer what was opened,
        LocalTrouble when unreadable, and what `still` raises."""
        left_bytes = self.size_bytes
        while left_bytes:
            piece_bytes = min(throttle.piece_bytes if throttle else LARGEST_PIECE_BYTES, left_bytes)
            if throttle is not None:
                await throttle.take(piece_bytes)
            try:
                piece = await patiently(Path(self.name), self.read, piece_bytes, left_bytes)
            except OSError as problem:
                raise unreadable(self.name, problem) from None
            if not piece:
                raise changed(self.name)
            left_bytes -= len(piece)
            yield piece
            del piece  # before the next one is there

    def read(self, piece_bytes: int, left_bytes: int) -> bytes:
        """The next piece. With the last of the `left_bytes` the photo is checked and closed: another visit to
        a thread, for each photo, would cost more than either."""
        piece = self.file.read(piece_bytes)
        if len(piece) == left_bytes:
            self.check()
            self.file.close()
        return piece

    def check(self) -> None:
        """Raises SetChanged when the file was written to since it was opened, and what `still` raises."""
        now = os.fstat(self.file.fileno())
        if (now.st_size, now.st_mtime_ns) != (self.size_bytes, self.mtime_ns):
            raise changed(self.name)
        self.still(self.file.fileno())


@asynccontextmanager
async def opened_photo(
    photo: Path, size_bytes: int | None = None, still: Still = anything
) -> AsyncIterator[OpenPhoto]:
    """As `open_photo`, off the event loop: on a share every step may wait, closing too. Raises LocalTrouble
    when the share doesn't answer."""
    found = await patiently(photo, open_photo, photo, size_bytes, still)
    try:
        yield found
    finally:
        if not found.file.closed:
            await patiently(photo, found.file.close)


def open_photo(photo: Path, size_bytes: int | None = None, still: Still = anything) -> OpenPhoto:
    """Open a regular file, no symlink. Raises SetChanged when it is gone or not `size_bytes` long, and what
    `still` raises, which is asked now and once all is read."""
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
    try:
        still(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return OpenPhoto(photo.name, os.fdopen(descriptor, "rb"), found.st_size, found.st_mtime_ns, still)


def changed(name: str) -> SetChanged:
    return SetChanged(f"{name!r} changed or went away while it was being sent")


def unreadable(name: str, problem: OSError) -> LocalTrouble:
    return LocalTrouble(f"{name!r} can't be read: {problem.strerror}")
