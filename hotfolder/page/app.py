"""The application: every view's routes, the middleware, the error pages; and its server."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from hotfolder import log
from hotfolder.control.access import refuse_unprotected
from hotfolder.errors import BadJob, BadWorld, CommandHint, HotfolderError, StoreError, Unknown, UsageError
from hotfolder.page import actions, held, live, serving, share, signin, views
from hotfolder.page.security import SAFE_METHODS, AccessCheck, Guard, check_access
from hotfolder.page.site import Site
from hotfolder.page.templating import error_page
from hotfolder.telemetry.web import listening, server_config

ROUTES: tuple[BaseRoute, ...] = (
    *serving.ROUTES,
    *signin.ROUTES,
    *live.ROUTES,
    *views.ROUTES,
    *actions.ROUTES,
    *share.ROUTES,
    *held.ROUTES,
)
"""The routes of all views. A new module of views is added here, and its texts in `words/`."""


def page_app(
    site: object, routes: Sequence[BaseRoute] = ROUTES, refuses: AccessCheck = check_access
) -> Starlette:
    """The ASGI application of a `Site` with all its views, or of another site with its own routes and its own
    access check `refuses`."""
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, refuses=refuses)],
        exception_handlers={HTTPException: http_error, HotfolderError: control_error},
    )
    # The redirect would use the request's host and scheme, which a proxy may have changed.
    app.router.redirect_slashes = False
    app.state.site = site
    return app


async def http_error(request: Request, error: Exception) -> Response:
    """The page for an HTTPException of Starlette or of a view, which has its own message as `detail`."""
    assert isinstance(error, HTTPException)
    usual = HTTPStatus(error.status_code).phrase
    message = "" if error.detail == usual else error.detail
    return error_page(request, error.status_code, message, headers=dict(error.headers or {}))


async def control_error(request: Request, error: Exception) -> Response:
    """The page for an error of `control`, with its message. A UsageError is 404 where a page was requested,
    and 409 for an action that isn't possible."""
    assert isinstance(error, HotfolderError)
    status = 503 if isinstance(error, BadWorld | StoreError) else 500
    if isinstance(error, BadJob):  # the rules refuse what was asked for
        status = 409
    elif isinstance(error, UsageError):
        status = 404 if isinstance(error, Unknown) or request.method in SAFE_METHODS else 409
    hint = "" if isinstance(error.hint, CommandHint) else error.hint
    return error_page(request, status, error.message, hint)


logger = log.get("page")

MOST_CONNECTIONS = 256
MOST_HEADER_BYTES = 64 * 1024
"""The URL of a ZIP names its pictures, so that browsers can resume the download."""
STOP_SECONDS = 2
"""How long responses in progress may take when the server stops."""
NO_PASSWORD_WARNING = "Whoever uses this computer sees the page and may do everything on it."


def serve(site: Site) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code, 0 or 130. Raises UsageError where a password is
    missing, StoreError, and LocalTrouble where the address can't be bound."""
    protected = refuse_unprotected(site.on_disk.current().settings, site.page)
    listener = listening("The page", site.page.host, site.page.port, "with --port, or at `page.port`")
    server = server_of(page_app(site))
    with listener, recorded_signals(server) as signals:
        address = address_of(listener)
        logger.info("page_started", address=address)
        if protected:
            site.password_set.set()
        else:
            link = f"{address}first/{site.first_token.token}"
            logger.warning("page_without_password", meaning=NO_PASSWORD_WARNING, set_one_at=link)
        site.live.ending = lambda: server.should_exit
        asyncio.run(serve_until_stopped(server, listener, site))
    logger.info("page_stopped")
    return 130 if signal.SIGINT in signals else 0


def server_of(app: Starlette) -> uvicorn.Server:
    return uvicorn.Server(server_config(app, MOST_CONNECTIONS, MOST_HEADER_BYTES, STOP_SECONDS))


async def serve_until_stopped(server: uvicorn.Server, listener: socket.socket, site: Site) -> None:
    try:
        await server.serve(sockets=[listener])
    finally:
        await site.thumbnails.close()
        await site.photos.close()


@contextmanager
def recorded_signals(server: uvicorn.Server) -> Iterator[list[int]]:
    """Context manager that stops the server on SIGINT or SIGTERM, and yields the list of those received.
    uvicorn raises them again at its end. One that comes before uvicorn has its handlers stops it, too."""
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
    """The URL of the page for a browser on this machine."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
