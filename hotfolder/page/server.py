"""The process that serves the page."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette

from hotfolder import log
from hotfolder.control.access import refuse_unprotected
from hotfolder.page.app import page_app
from hotfolder.page.site import Site
from hotfolder.telemetry.web import listening, server_config

logger = log.get("page")

MOST_CONNECTIONS = 256
MOST_HEADER_BYTES = 64 * 1024
"""The pictures that are chosen for a ZIP stand in its address, so that browsers can go on with it."""
STOP_SECONDS = 2
"""How long answers under way may take once the page is to end."""
OPEN = "Whoever uses this computer sees the page and may do everything on it."


def serve(site: Site) -> int:
    """Serve until SIGTERM or SIGINT; the exit code, 0 or 130. Raises UsageError where a password is missing,
    StoreError, and LocalTrouble where the address can't be served on."""
    protected = refuse_unprotected(site.settings().settings, site.page)
    listener = listening("The page", site.page.host, site.page.port, "with --port, or at `page.port`")
    server = server_of(page_app(site))
    with listener, told_signals(server) as signals:
        address = address_of(listener)
        logger.info("page_started", address=address)
        if not protected:
            link = f"{address}first/{site.first_token.token}"
            logger.warning("page_without_password", meaning=OPEN, set_one_at=link)
        site.live.ending = lambda: server.should_exit
        asyncio.run(served(server, listener, site))
    logger.info("page_stopped")
    return 130 if signal.SIGINT in signals else 0


def server_of(app: Starlette) -> uvicorn.Server:
    return uvicorn.Server(server_config(app, MOST_CONNECTIONS, MOST_HEADER_BYTES, STOP_SECONDS))


async def served(server: uvicorn.Server, listener: socket.socket, site: Site) -> None:
    try:
        await server.serve(sockets=[listener])
    finally:
        await site.thumbnails.close()
        await site.photos.close()


@contextmanager
def told_signals(server: uvicorn.Server) -> Iterator[list[int]]:
    """Which of them have come meanwhile: uvicorn ends by them, and then raises them again. One that comes
    before it hears of any ends it, too."""
    came: list[int] = []

    def told(number: int, _frame: object) -> None:
        came.append(number)
        server.should_exit = True

    before = {number: signal.signal(number, told) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def address_of(listener: socket.socket) -> str:
    """Where a browser on this machine finds it."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
