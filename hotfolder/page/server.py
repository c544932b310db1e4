"""The process that serves the page."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn

from hotfolder import log
from hotfolder.control.access import refuse_unprotected
from hotfolder.errors import LocalTrouble
from hotfolder.page.app import page_app
from hotfolder.page.connections import bounded_connections
from hotfolder.page.site import Site

logger = log.get("page")

MOST_HEADER_BYTES = 64 * 1024
"""The pictures that are chosen for a ZIP stand in its address, so that browsers can go on with it."""
STOP_SECONDS = 2
"""How long answers under way may take once the page is to end."""
BACKLOG = 64
OPEN = "Whoever uses this computer sees the page and may do everything on it."


def serve(site: Site) -> int:
    """Serve until SIGTERM or SIGINT; the exit code, 0 or 130. Raises UsageError where a password is missing,
    StoreError, and LocalTrouble where the address can't be served on."""
    protected = refuse_unprotected(site.settings().settings.state_folder, site.page)
    listener = listening(site.page.host, site.page.port)
    config = uvicorn.Config(
        page_app(site),
        http=bounded_connections(),
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        h11_max_incomplete_event_size=MOST_HEADER_BYTES,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    with listener, told_signals() as signals:
        address = address_of(listener)
        logger.info("page_started", address=address)
        if not protected:
            link = f"{address}first/{site.first_token.token}"
            logger.warning("page_without_password", meaning=OPEN, set_one_at=link)
        asyncio.run(served(PageServer(config, site), listener, site))
    logger.info("page_stopped")
    return 130 if signal.SIGINT in signals else 0


class PageServer(uvicorn.Server):
    """Lets who waits for news go at once when it is to end."""

    def __init__(self, config: uvicorn.Config, site: Site) -> None:
        super().__init__(config)
        self._site = site

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._site.live.ending = True
        super().handle_exit(sig, frame)


async def served(server: uvicorn.Server, listener: socket.socket, site: Site) -> None:
    try:
        await server.serve(sockets=[listener])
    finally:
        await site.thumbnails.close()
        await site.photos.close()


@contextmanager
def told_signals() -> Iterator[list[int]]:
    """Which of them have come meanwhile: uvicorn ends by them, and then raises them again."""
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda told, _frame: came.append(told))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def listening(host: str, port: int) -> socket.socket:
    """A socket that takes connections. Raises LocalTrouble."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise LocalTrouble(
            f"The page can't be served at {host} port {port}: {getattr(error, 'strerror', None) or error}.",
            hint="Another program may use the port: choose another one with --port, or at `page.port`.",
        ) from None


def address_of(listener: socket.socket) -> str:
    """Where a browser on this machine finds it."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
