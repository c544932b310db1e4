"""Times when nobody listens."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol, Self

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.2


class Listener(Protocol):
    """A server that can leave its address and come back to it."""

    def leave(self) -> None:
        """Close the listening socket and all idle connections."""
        ...

    async def come_back(self) -> None:
        """Listen at the same address again. Raises OSError or SandboxError when it can't be had."""
        ...


class Outage:
    """An `async with` block, within which `begin` may be called. Those out at its end stay out."""

    def __init__(self) -> None:
        self.listeners: dict[str, Listener] = {}
        self._ends: dict[str, float] = {}
        self._waiting: dict[str, asyncio.Task[None]] = {}

    def begin(self, origin: str, seconds: float) -> None:
        """From now on and for `seconds`, connections to `origin` (`api`, `storage`, `both`) are refused."""
        loop = asyncio.get_running_loop()
        for name, listener in self.listeners.items():
            if origin not in (name, "both"):
                continue
            self._ends[name] = max(self._ends.get(name, 0), loop.time() + seconds)
            if name not in self._waiting:
                listener.leave()
                self._waiting[name] = loop.create_task(self._wait(name, listener))

    async def _wait(self, name: str, listener: Listener) -> None:
        loop = asyncio.get_running_loop()
        # The end may be put off while this sleeps.
        while (left := self._ends[name] - loop.time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)
        while True:
            try:
                await listener.come_back()
                break
            except Exception:
                logger.exception("the sandbox can't listen again yet")
                await asyncio.sleep(RETRY_SECONDS)
        del self._waiting[name]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = list(self._waiting.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
