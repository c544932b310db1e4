"""Live updates: one look at the store for all open pages, and a server-sent event when there is news."""

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
from hotfolder.control.board import Watched
from hotfolder.page import SESSION_COOKIE

POLL_SECONDS = 0.25
BEAT_SECONDS = 15.0
"""How often a line is sent that says nothing, so that whoever went away is noticed."""
LONGEST_SECONDS = 600.0
"""After so long a browser asks anew."""
MOST_LISTENERS = 200
FRESH_SECONDS = 1.0
"""For so long open pages share what was made of the store, unless there is news."""


class Live:
    """The stamp of what there is to see. It is looked for while anybody listens, once for all of them."""

    def __init__(self, settings: Settings, settings_error: Callable[[], str]) -> None:
        self._watched = Watched(settings)
        self._settings_error = settings_error
        self._lock, self._reading = asyncio.Lock(), asyncio.Lock()
        self._looked_at = float("-inf")
        self._stamp = ""
        self._made: dict[Hashable, tuple[bytes, float]] = {}
        self.listeners = 0
        self.ending: Callable[[], bool] = lambda: False
        """Whether the page is about to end, and nobody is told any more."""

    async def stamp(self) -> str:
        """As it is now; a look is shared by all who ask within a moment."""
        async with self._lock:
            if time.monotonic() - self._looked_at > POLL_SECONDS / 2:
                self._stamp = await to_thread.run_sync(self._look)
                self._looked_at = time.monotonic()
            return self._stamp

    async def shared(self, key: Hashable, make: Callable[[], Awaitable[bytes]]) -> bytes:
        """What `make` makes, once for all who ask for the same within a moment: twenty open pages all do at
        once."""
        async with self._reading:
            now = time.monotonic()
            self._made = {known: one for known, one in self._made.items() if now - one[1] <= FRESH_SECONDS}
            if key not in self._made:
                self._made[key] = await make(), time.monotonic()
            return self._made[key][0]

    def _look(self) -> str:
        told = f"{self._watched.stamp()} {self._settings_error()}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    async def news(self, token: str | None) -> AsyncIterator[str]:
        """The stamp, and then each other one as it comes, as events; while the browser with that session may
        see the page."""
        self.listeners += 1
        try:
            end = time.monotonic() + LONGEST_SECONDS
            known, told_at = "", time.monotonic()
            while (now := time.monotonic()) < end and not self.ending():
                stamp = await self.stamp()
                if known and not self._watched.admits(token):  # the first look may be older than the session
                    return
                if stamp != known:
                    known, told_at = stamp, now
                    yield f"data: {stamp}\n\n"
                elif now - told_at > BEAT_SECONDS:
                    told_at = now
                    yield ":\n\n"
                await asyncio.sleep(POLL_SECONDS)
        finally:
            self.listeners -= 1


async def live(request: Request) -> Response:
    told: Live = request.app.state.site.live
    if told.listeners >= MOST_LISTENERS:
        raise HTTPException(503)
    if request.method == "HEAD":  # whose answer would have no end, and nothing in it
        return Response(media_type="text/event-stream")
    return StreamingResponse(told.news(request.cookies.get(SESSION_COOKIE)), media_type="text/event-stream")


ROUTES = (Route("/live", live, methods=["GET"]),)
