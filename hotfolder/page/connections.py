"""Connections of browsers: bounded in number, and closed where they say nothing."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

MOST_CONNECTIONS = 256
"""Beyond these one is closed that waits for its browser, or else the new one."""
SILENT_SECONDS = 10.0
"""After twice as long a connection is closed on which no request is under way."""


class Kept(H11Protocol):
    """A connection of which is known why it is kept open."""

    def waits(self) -> bool:
        """Whether no request is under way: none has come, or the last one is answered."""
        return self.cycle is None or self.cycle.response_complete

    def dispensable(self) -> bool:
        """Whether its browser keeps it: by silence, by a form that isn't here, or by an answer that it
        doesn't read."""
        assert self.flow is not None
        return self.waits() or self.cycle.more_body or self.flow.write_paused


def bounded_connections() -> type[asyncio.Protocol]:
    """The protocol of a server, of which all connections know each other."""
    connections: dict[Bounded, asyncio.Transport] = {}

    class Bounded(Kept):
        silent = False

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(connections) >= MOST_CONNECTIONS:
                oldest = next((one for one in connections if one.dispensable()), self)
                (connections.pop(oldest, None) or transport).abort()
                if oldest is self:
                    return
            connections[self] = transport
            self._look_again()

        def _look_again(self) -> None:
            asyncio.get_running_loop().call_later(SILENT_SECONDS, self._look)

        def _look(self) -> None:
            transport = connections.get(self)
            if transport is None:
                return
            if self.silent and self.waits():
                transport.abort()
                return
            self.silent = self.waits()
            self._look_again()

        def connection_lost(self, exc: Exception | None) -> None:
            connections.pop(self, None)
            super().connection_lost(exc)

    return Bounded
