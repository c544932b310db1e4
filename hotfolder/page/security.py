"""What surrounds every view: who may ask, from where, and what a browser may do with the answer."""

from __future__ import annotations

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hotfolder import log
from hotfolder.page.rendering import error_page

logger = log.get("page")

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    # Not `no-referrer`: a browser's own forms would come with the Origin `null` then.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class PublicRoute(Route):
    """A route for everybody who reaches the page. Every other one is for who is signed in, and all but GET
    for who may act."""


class Guard:
    """Middleware around everything: the headers of every answer, and a page where a view fails."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun = False

        async def send_guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        request = Request(scope, receive)
        request.state.role, request.state.may_act = "full", True
        try:
            await self.app(scope, receive, send_guarded)
        except Exception:
            logger.exception("view_failed", route=getattr(scope.get("route"), "path", ""))
            if begun:
                raise
            await error_page(request, 500)(scope, receive, send_guarded)
