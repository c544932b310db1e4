"""Clocks that a test controls."""

from __future__ import annotations

import asyncio
import math
import time
from datetime import UTC, datetime, timedelta

HELD_BEGAN = datetime(2026, 5, 4, tzinfo=UTC)


LEAST_SLEEP_SECONDS = 0.02
"""Shorter sleeps would only keep the CPU busy with scans."""


class JumpingClock:
    """Time that passes `speed` times as fast; `jump` moves the wall clock alone."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed
        self._offset = timedelta()

    def jump(self, by: timedelta) -> None:
        self._offset += by

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def monotonic(self) -> float:
        return time.monotonic() * self.speed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(seconds / self.speed, LEAST_SLEEP_SECONDS) if seconds else 0)


class HeldClock:
    """Time that stands still until `pass_seconds`."""

    def __init__(self, seconds: float = 1000.0) -> None:
        self.seconds = seconds

    def now(self) -> datetime:
        return HELD_BEGAN + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        until = self.seconds + seconds
        while self.seconds < until:  # noqa: ASYNC110 - a test moves the hand without telling
            await asyncio.sleep(0.005)

    def pass_seconds(self, seconds: float) -> None:
        self.seconds += seconds


class SkippingClock(HeldClock):
    """Time that passes by whatever anybody sleeps, in a `hurry`-th of it."""

    def __init__(self, hurry: float = math.inf) -> None:
        super().__init__(0.0)
        self.hurry = hurry

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        await asyncio.sleep(seconds / self.hurry)
