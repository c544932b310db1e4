"""What surrounds every view: who may ask, from where, and what a browser may do with the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from anyio import to_thread
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hotfolder import log
from hotfolder.control.access import FULL, visitor
from hotfolder.errors import BadWorld, StoreError
from hotfolder.page.callers import SAFE_METHODS, SESSION_COOKIE, caller_of, from_another_site, known_name
from hotfolder.page.site import Site, settings_of
from hotfolder.page.templating import error_page, request_language
from hotfolder.words import word

logger = log.get("page")

Refusal = Callable[[Request], Awaitable[Response | None]]

MOST_BODY_BYTES = 256 * 1024
BODY_SECONDS = 30.0
"""How long a request's body may take to come, all of it."""
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
    """Middleware around everything: lets in who may, bounds what they send, gives every answer its headers,
    and has a page where a view fails."""

    def __init__(self, app: ASGIApp, refuses: Refusal) -> None:
        """`refuses` says what is answered in place of a view."""
        self.app = app
        self.refuses = refuses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
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
        try:
            answer = await self.refuses(request) or self.app
            await answer(scope, bounded(receive), send_guarded)
        except ClientDisconnect:
            return  # in the middle of its form, and nobody is there to be told
        except Exception:
            logger.exception("view_failed", route=getattr(scope.get("route"), "path", ""))
            if begun:
                raise
            await error_page(request, 500)(scope, receive, send_guarded)


def bounded(receive: Receive) -> Receive:
    """Takes no more of a request's body than any form of ours has, and doesn't wait for it for ever."""
    taken, whole = 0, False
    end = asyncio.get_running_loop().time() + BODY_SECONDS

    async def receive_bounded() -> Message:
        nonlocal taken, whole
        try:
            async with asyncio.timeout_at(None if whole else end):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408) from None
        taken, whole = taken + len(message.get("body", b"")), not message.get("more_body", False)
        if taken > MOST_BODY_BYTES:
            raise HTTPException(413)
        return message

    return receive_bounded


async def refusal(request: Request) -> Response | None:
    """What is answered in place of a view; None for who may see it. Leaves with the request who asks."""
    site: Site = request.app.state.site
    scope, headers = request.scope, request.headers
    caller = caller_of(scope, site.page)
    state = request.state
    state.caller, state.role, state.may_act, state.protected = caller, None, False, True
    if not known_name(caller, scope, site.page):
        return refused(request, "refused.host")
    if from_another_site(caller, headers, request.method):
        return refused(request, "refused.site")
    public = (one for one in scope["app"].routes if isinstance(one, PublicRoute))
    if any(one.matches(scope)[0] != Match.NONE for one in public):
        return None
    try:
        found = await to_thread.run_sync(visitor, settings_of(request), request.cookies.get(SESSION_COOKIE))
    except (StoreError, BadWorld) as error:
        logger.warning("records_not_read", reason=error.message)
        return error_page(request, 503)
    if not found.protected:
        # Whoever a proxy lets in is not at this machine, whatever the connection looks like.
        if site.page.beyond_loopback or caller.forwarded:
            return refused(request, "refused.unprotected")
    elif found.role is None:
        return sign_in_first(request)
    state.protected, state.role = found.protected, found.role or FULL
    state.may_act = state.role == FULL
    if request.method not in SAFE_METHODS and not state.may_act:
        return refused(request, "refused.reading")
    return None


def refused(request: Request, key: str) -> Response:
    """A page that says why, and nothing of the studio."""
    return error_page(request, 403, word(request_language(request), key))


def sign_in_first(request: Request) -> Response:
    """To the page for it, and back afterwards; a plain refusal for what is no page."""
    if request.method in SAFE_METHODS and "text/html" in request.headers.get("accept", ""):
        asked = f"{request.url.path}?{request.url.query}".removesuffix("?")
        return RedirectResponse(f"/signin?to={quote(asked, safe='/')}", 303)
    return error_page(request, 401)
