"""A very small web server for health and metrics: it only ever answers GET, and can't hold up the daemon.

It runs in a thread of its own and gives out what others left ready, so it answers while the daemon hangs.
"""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from hotfolder import log
from hotfolder.errors import LocalTrouble

logger = log.get("web")

MOST_CONNECTIONS = 16
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
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._open = 0
        self._broken: set[str] = set()

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
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        started = threading.Event()
        work = threading.Thread(target=self._work, args=(listener, started), name="web", daemon=True)
        self._thread = work
        work.start()
        started.wait(STOP_SECONDS)

    def stop(self) -> None:
        """Stop serving, within two seconds. May be called twice, or without a start."""
        if self._loop is not None and self._stop is not None:
            with suppress(RuntimeError):  # its loop has ended already
                self._loop.call_soon_threadsafe(self._stop.set)
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def _work(self, listener: socket.socket, started: threading.Event) -> None:
        try:
            asyncio.run(self._serve(listener, started))
        except Exception as error:
            logger.error("web_server_ended", error=f"{type(error).__name__}: {error}")
        finally:
            started.set()

    async def _serve(self, listener: socket.socket, started: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._connection, sock=listener, limit=MOST_HEADER_BYTES)
        started.set()
        await self._stop.wait()
        server.close()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            async with asyncio.timeout(self.exchange_seconds):
                if self._open > MOST_CONNECTIONS:
                    answer, with_body = plain(HTTPStatus.SERVICE_UNAVAILABLE), True
                else:
                    answer, with_body = await self._answer(reader)
                writer.write(head(answer) + (answer.body if with_body else b""))
                await writer.drain()
                writer.close()
                await writer.wait_closed()
        except (OSError, EOFError, TimeoutError):
            writer.transport.abort()
        finally:
            self._open -= 1

    async def _answer(self, reader: asyncio.StreamReader) -> tuple[Page, bool]:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return plain(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE), True
        words = request.split(b"\r\n", 1)[0].split(b" ")
        if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
            return plain(HTTPStatus.BAD_REQUEST), True
        if words[0] not in (b"GET", b"HEAD"):
            return plain(HTTPStatus.METHOD_NOT_ALLOWED), True
        return self._page(words[1].partition(b"?")[0].decode("latin-1")), words[0] == b"GET"

    def _page(self, path: str) -> Page:
        make = self.pages.get(path)
        if make is None:
            return plain(HTTPStatus.NOT_FOUND, f"Here are: {' '.join(self.pages)}")
        try:
            return make()
        except Exception as error:
            if path not in self._broken:
                logger.error("page_not_made", path=path, error=f"{type(error).__name__}: {error}")
            self._broken.add(path)
            return plain(HTTPStatus.INTERNAL_SERVER_ERROR)


def plain(status: HTTPStatus, text: str = "") -> Page:
    return Page(f"{status.value} {status.phrase}\n{text}{text and chr(10)}".encode(), status=status)


def head(page: Page) -> bytes:
    """The head of an answer. The connection is never kept, so nobody can hoard them."""
    lines = [
        f"HTTP/1.1 {page.status.value} {page.status.phrase}",
        f"Content-Type: {page.content_type}",
        f"Content-Length: {len(page.body)}",
        "Cache-Control: no-store",
        "X-Content-Type-Options: nosniff",
        "Connection: close",
    ]
    if page.status is HTTPStatus.METHOD_NOT_ALLOWED:
        lines.append("Allow: GET, HEAD")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
