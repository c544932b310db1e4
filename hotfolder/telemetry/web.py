"""The pages for health checks and for Prometheus, served by uvicorn.

It runs in a thread of its own and gives out what others left ready, so it answers while the daemon hangs.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from hotfolder import log
from hotfolder.errors import LocalTrouble

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response

logger = log.get("web")

MOST_CONNECTIONS = 64
"""Beyond these the oldest is closed, so that nobody is kept out by connections that say nothing."""
MOST_HEADER_BYTES = 8192
EXCHANGE_SECONDS = 5.0
STOP_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Page:
    """An answer."""

    body: bytes
    content_type: str = "text/plain; charset=utf-8"
    status: HTTPStatus = HTTPStatus.OK


Pages = Mapping[str, Callable[[], Page]]
"""What is served, by path. Pages are made in the server's thread: quickly, and without the database."""


def json_page(content: Mapping[str, Any], *, well: bool = True) -> Page:
    """Status 200, or 503 when it isn't well."""
    body = json.dumps(content, indent=2, ensure_ascii=True).encode() + b"\n"
    return Page(body, "application/json", HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE)


class WebServer:
    """Serves `pages` at one address, from `start` to `stop`."""

    def __init__(
        self,
        pages: Pages,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        exchange_seconds: float = EXCHANGE_SECONDS,
    ) -> None:
        """`port` 0 takes any free one. A request and its answer have `exchange_seconds` together."""
        self.exchange_seconds = exchange_seconds
        self.pages = pages
        self.host = host
        self.port = port
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._stopped = False

    def start(self) -> None:
        """Bind and serve; `port` is then the real one. Raises LocalTrouble when the address can't be had."""
        try:
            family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
            listener = socket.create_server((self.host, self.port), family=family, backlog=MOST_CONNECTIONS)
        except (OSError, OverflowError) as error:
            raise LocalTrouble(
                f"health and metrics can't be served at {self.host} port {self.port}: "
                f"{getattr(error, 'strerror', None) or error}",
                hint="Another program may use the port: choose another one at `web.port`.",
            ) from None
        self.port = listener.getsockname()[1]
        work = threading.Thread(target=self._work, args=(listener,), name="web", daemon=True)
        self._thread = work
        work.start()

    def stop(self) -> None:
        """Stop serving, within two seconds. May be called twice, or without a start."""
        self._stopped = True
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _work(self, listener: socket.socket) -> None:
        with listener:
            try:
                self._server = uvicorn_server(application(self.pages), self.exchange_seconds)
                self._server.should_exit = self._stopped
                self._server.run(sockets=[listener])
            except Exception as error:
                logger.error("web_server_ended", error=f"{type(error).__name__}: {error}")


def uvicorn_server(app: Starlette, exchange_seconds: float) -> uvicorn.Server:
    """Without a log of who asked, and without signal handlers: it has none outside of the main thread."""
    import uvicorn  # late, here and below: most daemons serve no pages
    from uvicorn.protocols.http.h11_impl import H11Protocol

    connections: dict[asyncio.Protocol, asyncio.Transport] = {}

    class Brief(H11Protocol):
        """A connection that has so long for its one exchange, and is the first to go where there are many."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            connections[self] = transport
            if len(connections) > MOST_CONNECTIONS:
                next(iter(connections.values())).abort()
            asyncio.get_running_loop().call_later(exchange_seconds, transport.abort)

        def connection_lost(self, exc: Exception | None) -> None:
            connections.pop(self, None)
            super().connection_lost(exc)

    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=Brief,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            h11_max_incomplete_event_size=MOST_HEADER_BYTES,
            timeout_graceful_shutdown=1,
        )
    )


def application(pages: Pages) -> Starlette:
    """One route for each page."""
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.responses import Response
    from starlette.routing import Route

    broken: set[str] = set()

    def answer(page: Page, headers: Mapping[str, str] | None = None) -> Response:
        given = {**(headers or {}), "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        given |= {"Content-Type": page.content_type, "Connection": "close"}
        return Response(page.body, page.status, given)

    async def served(request: Request) -> Response:
        path = request.url.path
        try:
            return answer(pages[path]())
        except Exception as error:
            if path not in broken:
                logger.error("page_not_made", path=path, error=f"{type(error).__name__}: {error}")
            broken.add(path)
            return answer(plain(HTTPStatus.INTERNAL_SERVER_ERROR))

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        here = f"Here are: {' '.join(pages)}" if error.status_code == HTTPStatus.NOT_FOUND else ""
        return answer(plain(HTTPStatus(error.status_code), here), error.headers)

    routes = [Route(path, served, methods=["GET"]) for path in pages]
    return Starlette(routes=routes, exception_handlers={HTTPException: refused})


def plain(status: HTTPStatus, text: str = "") -> Page:
    return Page(f"{status.value} {status.phrase}\n{text}{text and chr(10)}".encode(), status=status)
