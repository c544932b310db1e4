"""Photos streamed from disk: exactly the announced number of bytes, at a limited rate."""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hotfolder.blocking import call_in_thread
from hotfolder.clock import Clock
from hotfolder.errors import LocalTrouble, SetChanged

LARGEST_PIECE_BYTES = 2 << 20
"""Measured: reads of 64 KiB reach a fifth of the speed, and so does reading the whole file at once."""
SMALLEST_PIECE_BYTES = 16 << 10
PIECES_PER_SECOND = 8
"""Pieces a second under a rate limit, so that concurrent uploads share it evenly."""
MOST_UPLOADS = 64

PhotoCheck = Callable[[int], None]
"""A check of an open photo: takes its file descriptor, and raises where it isn't the expected file, or must
not be sent any more."""


def accept_any(_descriptor: int) -> None:
    """The PhotoCheck that accepts every file."""


class Throttle:
    """A token bucket for all uploads together: `await take(size_bytes)` before sending that many bytes.
    `bytes_per_second` may change at any time; None is no limit. At most one second's tokens accumulate."""

    def __init__(self, clock: Clock, bytes_per_second: float | None = None) -> None:
        self.bytes_per_second = bytes_per_second
        self._clock = clock
        self._turn = asyncio.Lock()
        self._left = 0.0
        self._at: float | None = None

    @property
    def piece_bytes(self) -> int:
        """Bytes to read and send at a time; without a limit the largest size, since small pieces are slow."""
        if self.bytes_per_second is None:
            return LARGEST_PIECE_BYTES
        wanted = int(self.bytes_per_second / PIECES_PER_SECOND)
        return min(max(wanted, SMALLEST_PIECE_BYTES), LARGEST_PIECE_BYTES)

    def delay_seconds(self, size_bytes: int) -> float:
        """Seconds by which the limit may delay an upload of that size, when `MOST_UPLOADS` share it."""
        rate = self.bytes_per_second
        return 0.0 if rate is None else MOST_UPLOADS * size_bytes / rate

    async def take(self, size_bytes: int) -> None:
        """Wait until `size_bytes` may be sent, in FIFO order."""
        if self.bytes_per_second is None:
            return
        async with self._turn:
            while (wait_seconds := self._wait_seconds()) > 0:
                await self._clock.sleep(wait_seconds)
            self._left -= size_bytes

    def _wait_seconds(self) -> float:
        rate = self.bytes_per_second
        if rate is None:
            return 0.0
        now = self._clock.monotonic()
        since = 1.0 if self._at is None else now - self._at
        self._at = now
        self._left = min(self._left + since * rate, rate)
        # The balance may become negative, so that a piece may exceed one second's tokens; the next piece
        # waits until it is zero. A debt below one byte is ignored: rounding might keep it for ever.
        return -self._left / rate if self._left <= -1 else 0.0


@dataclass(frozen=True, slots=True)
class OpenPhoto:
    """A photo that stays open while it is sent, so that a rename can't replace it. `extra_check` is one more
    check, called after the last read."""

    name: str
    file: BinaryIO
    size_bytes: int
    mtime_ns: int
    extra_check: PhotoCheck

    async def pieces(self, throttle: Throttle | None = None) -> AsyncIterator[bytes]:
        """The content, at the rate of `throttle`. Raises SetChanged when the file changed since it was
        opened, LocalTrouble when it can't be read, and what `extra_check` raises."""
        left_bytes = self.size_bytes
        while left_bytes:
            piece_bytes = min(throttle.piece_bytes if throttle else LARGEST_PIECE_BYTES, left_bytes)
            if throttle is not None:
                await throttle.take(piece_bytes)
            try:
                piece = await call_in_thread(Path(self.name), self.read, piece_bytes, left_bytes)
                left_bytes -= len(piece)
            except OSError as problem:
                raise unreadable(self.name, problem) from None
            if not piece:
                raise set_changed(self.name)
            yield piece
            del piece  # freed before the next one is read

    def read(self, piece_bytes: int, left_bytes: int) -> bytes:
        """The next piece; with the last one, before it is sent, `check` is called."""
        piece = self.file.read(piece_bytes)
        if len(piece) == left_bytes:
            self.check()
        return piece

    def check(self) -> None:
        """Raises SetChanged when the file was written to since it was opened, and what `extra_check`
        raises."""
        now = os.fstat(self.file.fileno())
        if (now.st_size, now.st_mtime_ns) != (self.size_bytes, self.mtime_ns):
            raise set_changed(self.name)
        self.extra_check(self.file.fileno())


@asynccontextmanager
async def open_photo_in_thread(
    photo: Path, size_bytes: int | None = None, extra_check: PhotoCheck = accept_any
) -> AsyncIterator[OpenPhoto]:
    """Context manager: `open_photo` in a thread: on a network share each call may block, close() too. Raises
    LocalTrouble when the share doesn't answer."""
    found = await call_in_thread(photo, open_photo, photo, size_bytes, extra_check)
    try:
        yield found
    finally:
        await call_in_thread(photo, found.file.close)


def open_photo(photo: Path, size_bytes: int | None = None, extra_check: PhotoCheck = accept_any) -> OpenPhoto:
    """Open a regular file. `extra_check` is called now and after the last read. Raises SetChanged when the
    file is missing, a symlink, not regular or not `size_bytes` long, LocalTrouble when it can't be opened,
    and what `extra_check` raises."""
    try:
        # O_NONBLOCK: opening a FIFO would otherwise hang for good.
        descriptor = os.open(photo, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        raise set_changed(photo.name) from None
    except OSError as problem:
        if problem.errno == errno.ELOOP:
            raise set_changed(photo.name) from None
        raise unreadable(photo.name, problem) from None
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or size_bytes not in (None, found.st_size):
        os.close(descriptor)
        raise set_changed(photo.name)
    try:
        extra_check(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    return OpenPhoto(photo.name, os.fdopen(descriptor, "rb"), found.st_size, found.st_mtime_ns, extra_check)


def set_changed(name: str) -> SetChanged:
    return SetChanged(f"{name!r} changed or went away while it was being sent")


def unreadable(name: str, problem: OSError) -> LocalTrouble:
    return LocalTrouble(f"{name!r} can't be read: {problem.strerror}")
