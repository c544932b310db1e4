"""Ending tasks, and being sure of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

CANCEL_AGAIN_SECONDS = 0.25


async def end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel `tasks`, and return when all have ended.

    Before Python 3.13 a task group swallows a cancellation that comes while it ends its own tasks after an
    error, so that one may not be enough.
    """
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=CANCEL_AGAIN_SECONDS)


async def ended(step: asyncio.Task[Any]) -> None:
    """Cancel `step` and wait for it, however often whoever waits is cancelled meanwhile."""
    while not step.done():
        step.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.wait({step}, timeout=CANCEL_AGAIN_SECONDS)
