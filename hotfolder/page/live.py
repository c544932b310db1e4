"""Live updates by server-sent events: the store is polled once for all open pages."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable

from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from hotfolder.config.settings import Settings
from hotfolder.control.board import StoreWatch
from hotfolder.page import SESSION_COOKIE

POLL_SECONDS = 0.25
HEARTBEAT_SECONDS = 15.0
"""The interval of repeated stamps, by which the server notices a closed connection, and a page a lost one."""
MOST_CONNECTION_SECONDS = 600.0
"""The longest duration of a connection; the browser then reconnects."""
MOST_LISTENERS = 200
PAGE_CACHE_SECONDS = 1.0
"""How long a rendered page is cached for all browsers, unless the stamp changes."""


class Live:
    """Polls the stamp, a digest that changes with the visible state: once for all listeners, and only while
    there are any."""

    def __init__(self, settings: Settings, settings_error: Callable[[], str]) -> None:
        self._watched = StoreWatch(settings)
        self._settings_error = settings_error
        self._lock, self._reading = asyncio.Lock(), asyncio.Lock()
        self._looked_at = float("-inf")
        self._stamp = ""
        self._made: dict[Hashable, tuple[bytes, float]] = {}
        self.listeners = 0
        self.ending: Callable[[], bool] = lambda: False
        """Whether the server is stopping, which ends all event streams."""

    async def stamp(self) -> str:
        """The current stamp; calls within half of POLL_SECONDS share one query of the store."""
        async with self._lock:
            if time.monotonic() - self._looked_at > POLL_SECONDS / 2:
                self._stamp = await to_thread.run_sync(self._read_stamp)
                self._looked_at = time.monotonic()
            return self._stamp

    async def cached(self, key: Hashable, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """The result of `make`, cached by `key` for PAGE_CACHE_SECONDS: many open pages request the same at
        the same time."""
        async with self._reading:
            now = time.monotonic()
            self._made = {
                known: one for known, one in self._made.items() if now - one[1] <= PAGE_CACHE_SECONDS
            }
            if key not in self._made:
                self._made[key] = await make(), time.monotonic()
            return self._made[key][0]

    def _read_stamp(self) -> str:
        told = f"{self._watched.stamp()} {self._settings_error()}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    async def events(self, token: str | None) -> AsyncIterator[str]:
        """Yield server-sent events while the session with that token may see the page: the stamp, each new
        one, and the same one again after HEARTBEAT_SECONDS."""
        self.listeners += 1
        try:
            end = time.monotonic() + MOST_CONNECTION_SECONDS
            known, told_at = "", time.monotonic()
            while (now := time.monotonic()) < end and not self.ending():
                stamp = await self.stamp()
                if known and not self._watched.admits(token):  # the first look may be older than the session
                    return
                if stamp != known or now - told_at > HEARTBEAT_SECONDS:
                    known, told_at = stamp, now
                    yield f"data: {stamp}\n\n"
                await asyncio.sleep(POLL_SECONDS)
        finally:
            self.listeners -= 1


async def live(request: Request) -> Response:
    told: Live = request.app.state.site.live
    if told.listeners >= MOST_LISTENERS:
        raise HTTPException(503)
    if request.method == "HEAD":  # its response would be empty and never end
        return Response(media_type="text/event-stream")
    return StreamingResponse(told.events(request.cookies.get(SESSION_COOKIE)), media_type="text/event-stream")


ROUTES = (Route("/live", live, methods=["GET"]),)
