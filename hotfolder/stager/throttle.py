"""A limit on how many bytes go up in a second, over all uploads together: a token bucket."""

from __future__ import annotations

import asyncio

from hotfolder.clock import Clock

LARGEST_PIECE_BYTES = 2 << 20
"""Measured: reads of 64 KiB cost four fifths of the speed, and so does a whole file in memory."""
SMALLEST_PIECE_BYTES = 16 << 10
PIECES_PER_SECOND = 8
"""So finely is a second shared out, so that several uploads get on side by side."""
MOST_UPLOADS = 64


class Throttle:
    """`await take(number)` before so many bytes are sent. `bytes_per_second` may change at any time; None
    stops nobody. What was not used lately, of at most one second, may be used at once."""

    def __init__(self, clock: Clock, bytes_per_second: float | None = None) -> None:
        self.bytes_per_second = bytes_per_second
        self._clock = clock
        self._turn = asyncio.Lock()
        self._left = 0.0
        self._at: float | None = None

    @property
    def piece_bytes(self) -> int:
        """How much is best sent at a time. Small pieces cost speed where there is no limit."""
        if self.bytes_per_second is None:
            return LARGEST_PIECE_BYTES
        wanted = int(self.bytes_per_second / PIECES_PER_SECOND)
        return min(max(wanted, SMALLEST_PIECE_BYTES), LARGEST_PIECE_BYTES)

    def patience_seconds(self, size_bytes: int) -> float:
        """How much longer an upload of that size may take for the limit alone."""
        rate = self.bytes_per_second
        return 0.0 if rate is None else MOST_UPLOADS * size_bytes / rate

    async def take(self, size_bytes: int) -> None:
        """Return once so many bytes may be sent; whoever comes first goes first."""
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
        # A debt is paid off before the next one; so a piece may be larger than what a second brings. Less
        # than a byte is no debt: by rounding it might never end.
        return -self._left / rate if self._left <= -1 else 0.0
