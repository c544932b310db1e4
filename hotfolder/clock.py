"""The clock as an argument, so that tests can replace it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """The time functions that the daemon uses. Durations are in seconds."""

    def now(self) -> datetime:
        """The wall clock, timezone-aware, in UTC. It may jump: never measure a duration with it."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after at least `seconds` of `monotonic` time."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def sleep_until_set(event: asyncio.Event, clock: Clock, seconds: float) -> None:
    """Return when `event` is set, and after `seconds` at the latest."""
    waiting = {asyncio.create_task(event.wait()), asyncio.create_task(clock.sleep(seconds))}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waiting:
            one.cancel()
