"""Rate limits for a simulated line: bytes arrive no sooner than it could carry them."""

from __future__ import annotations

import asyncio

SLACK_SECONDS = 0.05
"""How much delay of late timers one transfer may catch up."""


class Line:
    """A line shared by all transfers, with at most `rate` bytes a second in total."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.carried_bytes = 0
        self._free_at = 0.0

    def carry(self, size_bytes: int, now: float) -> float:
        """The moment when these bytes have passed, after all bytes before them."""
        self.carried_bytes += size_bytes
        self._free_at = max(self._free_at, now - SLACK_SECONDS / 10) + size_bytes / self.rate
        return self._free_at


class Transfer:
    """One request's transfer, at most `rate` bytes a second by itself."""

    def __init__(self, line: Line, rate: float, now: float) -> None:
        self._line = line
        self._rate = rate
        self._free_at = now

    def carry(self, size_bytes: int, now: float) -> float:
        """The moment when the last of these bytes has passed."""
        self._free_at = max(self._free_at, now - SLACK_SECONDS) + size_bytes / self._rate
        return max(self._free_at, self._line.carry(size_bytes, now))


class Slots:
    """A number of slots, each taken for a number of seconds, in the order of requests."""

    def __init__(self, number: int, seconds: float) -> None:
        self._free_at = [0.0] * number
        self._seconds = seconds

    def done_at(self, now: float) -> float:
        """Take the slot that is free first; the moment when its work will be done."""
        first = min(range(len(self._free_at)), key=self._free_at.__getitem__)
        self._free_at[first] = max(self._free_at[first], now) + self._seconds
        return self._free_at[first]


async def sleep_until(moment: float) -> None:
    """Sleep until `moment` on the event loop's clock."""
    await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()))
