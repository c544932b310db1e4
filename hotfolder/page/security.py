"""What surrounds every view: who asks, from where, whether they may, and what browsers may do with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import quote, urlsplit

from anyio import to_thread
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hotfolder import log
from hotfolder.config.settings import PageSettings
from hotfolder.config.values import is_loopback
from hotfolder.control.access import FULL, visitor
from hotfolder.errors import BadWorld, StoreError
from hotfolder.page import SESSION_COOKIE
from hotfolder.page.site import Site, settings_of
from hotfolder.page.templating import error_page, request_language
from hotfolder.words import word

FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
SAFE_METHODS = ("GET", "HEAD")
NO_HOST = frozenset("@/\\?#")
OWN_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Caller:
    """A request's sender. `host` is as the browser wrote it, with its port; `address` is that of the browser
    as far as trusted proxies tell; `forwarded`: some proxy, trusted or not, is on the way."""

    address: str
    host: str
    https: bool
    forwarded: bool

    @property
    def name(self) -> str:
        """The host without its port, in lower case; empty where it is none."""
        try:
            return "" if set(self.host) & NO_HOST else (urlsplit(f"//{self.host}").hostname or "").rstrip(".")
        except ValueError:
            return ""


def caller_of(scope: Scope, page: PageSettings) -> Caller:
    """By the connection and, where it comes from a trusted proxy, by what that says."""
    headers = Headers(scope=scope)
    address = plain_address((scope.get("client") or ("", 0))[0])
    host, https = headers.get("host", ""), False
    forwarded = any(name in headers for name in FORWARDING)
    networks = [ip_network(one) for one in page.trusted_proxies]
    if trusted(address, networks):
        host = last(headers.getlist("x-forwarded-host")) or host
        https = last(headers.getlist("x-forwarded-proto")).lower() == "https"
        # Each proxy has added whom it heard from: the first one from the end that is no proxy is who asks.
        for hop in reversed(parts(headers.getlist("x-forwarded-for"))):
            address = plain_address(hop)
            if not trusted(address, networks):
                break
    return Caller(address, host, https, forwarded)


def parts(values: Sequence[str]) -> list[str]:
    """Of a header that is a list with commas, and may come several times."""
    return [part.strip() for part in ",".join(values).split(",") if part.strip()]


def last(values: Sequence[str]) -> str:
    return (parts(values) or [""])[-1]


def plain_address(text: str) -> str:
    """An address in one way of writing; empty where it is none. IPv4 within IPv6 is IPv4."""
    try:
        found = ip_address(text.strip("[]"))
    except ValueError:
        return ""
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(found)


def trusted(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    return bool(address) and any(ip_address(address) in network for network in networks)


def known_name(caller: Caller, scope: Scope, page: PageSettings) -> bool:
    """Whether the page goes by that name: a page elsewhere whose name was made to lead here doesn't. An
    address names this machine where the connection has come in at it."""
    local = plain_address((scope.get("server") or ("", 0))[0])
    if caller.name in page.hosts:
        return True
    if caller.name in OWN_NAMES:
        return is_loopback(local)
    return bool(local) and plain_address(caller.name) == local


def own_origins(caller: Caller) -> tuple[str, ...]:
    """What a browser calls the page's own site; a proxy need not say that it is reached by https."""
    host = caller.host.lower()
    return (f"https://{host}",) if caller.https else (f"https://{host}", f"http://{host}")


def from_another_site(caller: Caller, headers: Headers, method: str) -> bool:
    """Whether a browser says that another site is behind the request. Only a link may lead here from there;
    a form must be one of ours, and its browser must say so."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and origin.lower() not in own_origins(caller):
        return True
    if method not in SAFE_METHODS:
        return site not in (None, "same-origin", "none") or (origin is None and site is None)
    followed_link = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
    return site in ("cross-site", "same-site") and not followed_link


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
