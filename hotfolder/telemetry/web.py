"""The pages for health checks and for Prometheus, served by uvicorn.

They run in their own thread and send only what is in memory, so they answer while the daemon hangs.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable
from typing import Any, ClassVar

import uvicorn
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from hotfolder.errors import LocalTrouble

MOST_CONNECTIONS = 64
MOST_HEADER_BYTES = 8192
SILENT_SECONDS = 10.0
"""A connection without a request is closed after one to two times as long."""
STOP_SECONDS = 2.0
HEADERS = {"Cache-Control": "no-store", "Connection": "close"}

Report = dict[str, Any]


def pages(
    health: Callable[[], Report], readiness: Callable[[], Report], metrics: Callable[[], bytes]
) -> Starlette:
    """The application with /healthz, /readyz and /metrics. The arguments are called in the server's thread,
    so they must be quick and not use the database. A report that isn't `ok` is sent with status 503."""

    def answer(report: Report) -> Response:
        body = json.dumps(report, indent=2) + "\n"
        return Response(body, 200 if report["ok"] else 503, HEADERS, "application/json")

    async def healthz(_: Request) -> Response:
        return answer(health())

    async def readyz(_: Request) -> Response:
        return answer(readiness())

    async def prometheus(_: Request) -> Response:
        return Response(metrics(), 200, {**HEADERS, "Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    return Starlette(
        routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", prometheus)]
    )


class WebServer:
    """Serves one application at one address, from its creation until `stop`."""

    def __init__(self, app: Starlette, *, host: str = "127.0.0.1", port: int = 0) -> None:
        """`port` 0 takes any free one; `self.port` is the actual one. Raises LocalTrouble when the address
        can't be bound."""
        listener = listening("Health and metrics", host, port, "at `web.port`")
        self.port = listener.getsockname()[1]
        self._server = uvicorn.Server(server_config(app, MOST_CONNECTIONS, MOST_HEADER_BYTES, 1))
        self._thread = threading.Thread(target=self._server.run, args=([listener],), name="web", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving; waits at most two seconds. Idempotent."""
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)


def listening(what: str, host: str, port: int, where: str) -> socket.socket:
    """A listening socket. Raises LocalTrouble when the address can't be bound; `what` is served there, and
    `where` another port can be chosen, are for its message."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=MOST_CONNECTIONS)
    except (OSError, OverflowError) as error:
        raise LocalTrouble(
            f"{what} can't be served at {host} port {port}: {getattr(error, 'strerror', None) or error}.",
            hint=f"Another program may use the port: choose another one {where}.",
        ) from None


def server_config(
    app: Starlette, most_connections: int, most_header_bytes: int, stop_seconds: int
) -> uvicorn.Config:
    """uvicorn's configuration: no log of its own, no trust in proxy headers, and a shutdown within
    `stop_seconds`, whatever is in progress."""
    return uvicorn.Config(
        app,
        http=type("OfThisServer", (BoundedConnection,), {"most": most_connections, "all": {}}),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=most_header_bytes,
        timeout_graceful_shutdown=stop_seconds,
    )


class BoundedConnection(H11Protocol):
    """One connection of a server; `all` are its open ones. An idle one is closed, and beyond `most` of them
    the oldest that waits for its client, or else the new one."""

    most: ClassVar[int]
    all: ClassVar[dict[BoundedConnection, asyncio.Transport]]
    silent = False

    def waits(self) -> bool:
        """Whether no request is in progress: none has come, or the last one is answered."""
        return self.cycle is None or self.cycle.response_complete

    def can_be_closed(self) -> bool:
        """Whether it waits for its client: to send a request or the rest of a body, or to read the answer."""
        return self.waits() or self.cycle.more_body or self.flow.write_paused

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.all) >= self.most:
            oldest = next((one for one in self.all if one.can_be_closed()), self)
            (self.all.pop(oldest, None) or transport).abort()
            if oldest is self:
                return
        self.all[self] = transport
        self._schedule_check()

    def _schedule_check(self) -> None:
        asyncio.get_running_loop().call_later(SILENT_SECONDS, self._close_if_silent)

    def _close_if_silent(self) -> None:
        if self not in self.all:
            return
        if self.silent and self.waits():
            self.transport.abort()
            return
        self.silent = self.waits()
        self._schedule_check()

    def connection_lost(self, exc: Exception | None) -> None:
        self.all.pop(self, None)
        super().connection_lost(exc)
