"""The middleware around every view: caller, host name, origin, session, body limits, security headers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import quote, urlsplit

from anyio import to_thread
from starlette.datastructures import Headers, ImmutableMultiDict, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hotfolder import log
from hotfolder.config.settings import PageSettings
from hotfolder.control.access import FULL, NO_PASSWORDS, Visitor, visitor
from hotfolder.errors import BadWorld, StoreError
from hotfolder.hosts import is_loopback
from hotfolder.page import SESSION_COOKIE
from hotfolder.page.site import Site, settings_of
from hotfolder.page.templating import error_page, request_language
from hotfolder.words import word

FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
SAFE_METHODS = ("GET", "HEAD")
NOT_IN_HOST = frozenset("@/\\?#")
OWN_NAMES = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Caller:
    """A request's sender. `host` is as the browser wrote it, with its port; `address` is the browser's IP
    address as far as trusted proxies tell; `forwarded`: the request came through a proxy, trusted or not."""

    address: str
    host: str
    https: bool
    forwarded: bool

    @property
    def name(self) -> str:
        """The host without its port, in lower case; "" where it is invalid."""
        try:
            return (
                ""
                if set(self.host) & NOT_IN_HOST
                else (urlsplit(f"//{self.host}").hostname or "").rstrip(".")
            )
        except ValueError:
            return ""


def caller_of(scope: Scope, page: PageSettings) -> Caller:
    """The caller by the connection, and by the forwarding headers if it comes from a trusted proxy."""
    headers = Headers(scope=scope)
    address = canonical_address((scope.get("client") or ("", 0))[0])
    host, https = headers.get("host", ""), False
    forwarded = any(name in headers for name in FORWARDING)
    networks = [ip_network(one) for one in page.trusted_proxies]
    if is_trusted_proxy(address, networks):
        host = last_item(headers.getlist("x-forwarded-host")) or host
        https = last_item(headers.getlist("x-forwarded-proto")).lower() == "https"
        # Each proxy appends its client's address: the last that isn't a trusted proxy's is the caller's.
        for hop in reversed(header_items(headers.getlist("x-forwarded-for"))):
            address = canonical_address(hop)
            if not is_trusted_proxy(address, networks):
                break
    return Caller(address, host, https, forwarded)


def header_items(values: Sequence[str]) -> list[str]:
    """The items of a comma-separated header, which may be repeated."""
    return [part.strip() for part in ",".join(values).split(",") if part.strip()]


def last_item(values: Sequence[str]) -> str:
    return (header_items(values) or [""])[-1]


def canonical_address(text: str) -> str:
    """An IP address in canonical form; "" where it is invalid. IPv4-mapped IPv6 becomes IPv4."""
    try:
        found = ip_address(text.strip("[]"))
    except ValueError:
        return ""
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(found)


def is_trusted_proxy(address: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    return bool(address) and any(ip_address(address) in network for network in networks)


def is_own_host(caller: Caller, scope: Scope, page: PageSettings) -> bool:
    """Whether the request's host is a name of this page, which prevents DNS rebinding: a configured name, a
    loopback name on a loopback connection, or the IP address at which the connection came in."""
    local = canonical_address((scope.get("server") or ("", 0))[0])
    if caller.name in page.hosts:
        return True
    if caller.name in OWN_NAMES:
        return is_loopback(local)
    return bool(local) and canonical_address(caller.name) == local


def own_origins(caller: Caller) -> tuple[str, ...]:
    """The page's own origins for a browser. Both schemes unless https is known: a proxy may not tell it."""
    host = caller.host.lower()
    return (f"https://{host}",) if caller.https else (f"https://{host}", f"http://{host}")


def is_cross_site(caller: Caller, headers: Headers, method: str) -> bool:
    """Whether the browser's headers tell that another site caused the request (CSRF). Another site may only
    link to the page; a form must be the page's own, and the headers must prove it."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and origin.lower() not in own_origins(caller):
        return True
    if method not in SAFE_METHODS:
        return site not in (None, "same-origin", "none") or (origin is None and site is None)
    followed_link = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
    return site in ("cross-site", "same-site") and not followed_link


logger = log.get("page")

AccessCheck = Callable[[Request], Awaitable[Response | None]]

MOST_BODY_BYTES = 256 * 1024
FEW_FIELDS, MOST_FIELDS = 20, 20_000
"""Of a usual form, and of one with a field for each photo or picture: more than MOST_BODY_BYTES have."""
BODY_SECONDS = 30.0
"""Timeout for receiving a request's whole body."""
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    # Not `no-referrer`: with it browsers send the page's own forms with the Origin `null`.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class PublicRoute(Route):
    """A route without sign-in. All others need a session, and all methods but GET and HEAD one that may
    act."""


class Guard:
    """Middleware around everything: checks access, limits request bodies, adds security headers to every
    response, and sends an error page where a view fails."""

    def __init__(self, app: ASGIApp, refuses: AccessCheck) -> None:
        """`refuses` returns the response in place of a view, None to let the request pass."""
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
            await answer(scope, limited_body(receive), send_guarded)
        except ClientDisconnect:
            return  # while it sent its form; nobody would receive a response
        except Exception:
            logger.exception("view_failed", route=getattr(scope.get("route"), "path", ""))
            if begun:
                raise
            await error_page(request, 500)(scope, receive, send_guarded)


def limited_body(receive: Receive) -> Receive:
    """`receive` with limits for a request's body: raises HTTPException 413 when it is too large, 408 when it
    takes too long."""
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


async def fields_of(request: Request, most: int = FEW_FIELDS) -> ImmutableMultiDict[str, str]:
    """The fields of the posted form. Raises HTTPException (400) for a file, and for more than `most` of
    them."""
    form = await request.form(max_files=0, max_fields=most)
    return ImmutableMultiDict([(name, value) for name, value in form.multi_items() if isinstance(value, str)])


async def check_access(request: Request) -> Response | None:
    """Check host name, origin, session and role: returns a response in place of the view, None where access
    is allowed. Puts the caller and the role into `request.state`."""
    site: Site = request.app.state.site
    scope, headers = request.scope, request.headers
    caller = caller_of(scope, site.page)
    state = request.state
    state.caller, state.role, state.may_act, state.protected = caller, None, False, True
    if not is_own_host(caller, scope, site.page):
        return refused_page(request, "refused.host")
    if is_cross_site(caller, headers, request.method):
        return refused_page(request, "refused.site")
    public = (one for one in scope["app"].routes if isinstance(one, PublicRoute))
    if any(one.matches(scope)[0] != Match.NONE for one in public):
        return None
    try:
        found = await visitor_of(request)
    except (StoreError, BadWorld) as error:
        logger.warning("records_not_read", reason=error.message)
        return error_page(request, 503)
    if not found.protected:
        # A proxy's client isn't on this machine, even though the connection is local.
        if site.page.beyond_loopback or caller.forwarded:
            return refused_page(request, "refused.unprotected")
    elif found.role is None:
        return sign_in_redirect(request)
    state.protected, state.role = found.protected, found.role or FULL
    state.may_act = state.role == FULL
    if request.method not in SAFE_METHODS and not state.may_act:
        return refused_page(request, "refused.reading")
    return None


async def visitor_of(request: Request) -> Visitor:
    """The visitor by the session cookie. Raises BadWorld and StoreError, also when the store with the
    passwords has disappeared, which must not give everybody access."""
    site: Site = request.app.state.site
    found = await to_thread.run_sync(visitor, settings_of(request), request.cookies.get(SESSION_COOKIE))
    if found.protected:
        site.password_set.set()
    elif site.password_set.is_set():
        raise StoreError(NO_PASSWORDS)
    return found


def refused_page(request: Request, key: str) -> Response:
    """A 403 page that says why, and nothing about the studio."""
    return error_page(request, 403, word(request_language(request), key))


def sign_in_redirect(request: Request) -> Response:
    """A redirect to the sign-in page, which leads back afterwards; 401 for what isn't a page."""
    if request.method in SAFE_METHODS and "text/html" in request.headers.get("accept", ""):
        asked = f"{request.url.path}?{request.url.query}".removesuffix("?")
        return RedirectResponse(f"/signin?to={quote(asked, safe='/')}", 303)
    return error_page(request, 401)
