"""Clocks that a test owns."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime


class FastClock:
    """Time that passes a hundred times as fast."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time() * 100

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 100)
