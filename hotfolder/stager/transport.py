"""HTTP exchanges by httpx: clients, timeouts, bounded answers, translated exceptions.

No exception raised here contains a key or the query of a URL; httpx's own exceptions print both.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from hotfolder.errors import ConfigurationError
from hotfolder.stager.streams import Throttle

MOST_ANSWER_BYTES = 1 << 20
LONGEST_RETRY_AFTER_SECONDS = 3600.0
CONNECTED_ERRORS = (
    httpx.ReadError,
    httpx.WriteError,
    httpx.ReadTimeout,
    httpx.WriteTimeout,
    httpx.RemoteProtocolError,
)
NO_NETWORK_ERRNOS = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN})
MOST_CONNECTIONS, MOST_IDLE = 100, 12
IDLE_SECONDS = 2.0
"""Keep-alive time; shorter than any server's, so that none closes a connection while a request is sent."""

RESUME_GRACE_SECONDS = 1.0
"""What is left of a deadline for a process that was stopped until after it."""

NO_TUNNEL = "the proxy made no connection to it"
LOST_CONNECTION = "the connection was lost after the request was sent"
BAD_CERTIFICATE = "its certificate is not valid"
CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "its name could not be looked up"),
    (UnicodeError, "its name could not be looked up"),
    (ssl.SSLCertVerificationError, BAD_CERTIFICATE),
    (ssl.SSLError, "it doesn't speak TLS as this machine does"),
    (ConnectionRefusedError, "the connection was refused"),
)
FAILURES: tuple[tuple[type[BaseException], str], ...] = (
    (httpx.ConnectTimeout, "no connection could be made in time"),
    (httpx.PoolTimeout, "all connections stayed busy"),
    (httpx.ProxyError, NO_TUNNEL),
    (httpx.ConnectError, "no connection could be made"),
    (httpx.LocalProtocolError, "the request could not be written"),
    (httpx.InvalidURL, "it redirects to what is no address"),
    (httpx.ReadTimeout, "the request was sent, and no answer came in time"),
    (httpx.WriteTimeout, "the connection was lost while the request was being sent"),
    (httpx.WriteError, "the connection was lost while the request was being sent"),
    (httpx.RemoteProtocolError, "the connection was lost after the request was sent, or no valid HTTP came"),
)

# At INFO httpx logs complete signed URLs.
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Timeouts in seconds: `read` and `write` for one chunk of data, `total` for a whole exchange.

    A written chunk has up to 2 MiB, and several uploads may share a slow connection. A paid exchange has no
    `read` timeout: httpx's discards an answer that came while this process was stopped.
    """

    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    write_seconds: float = 300.0
    free_total_seconds: float = 120.0
    paid_total_seconds: float = 600.0
    transfer_total_seconds: float = 3600.0

    def upload_seconds(self, throttle: Throttle | None, size_bytes: int) -> float:
        """The total timeout of an upload, with the time that `throttle` may add."""
        slower = throttle.delay_seconds(size_bytes) if throttle is not None else 0.0
        return self.transfer_total_seconds + slower

    def httpx_timeout(self, *, paid: bool = False) -> httpx.Timeout:
        """The httpx timeouts of the client for free or for paid requests."""
        return httpx.Timeout(
            connect=self.connect_seconds,
            read=None if paid else self.read_seconds,
            write=self.write_seconds,
            pool=self.free_total_seconds,
        )


class NoAnswer(Exception):
    """No answer came. `sent` is False only where the request certainly never left this machine. `offline` is
    True where this machine seems to have no internet connection, `by_proxy` where it got no connection to the
    proxy."""

    def __init__(self, why: str, *, sent: bool, offline: bool = False, by_proxy: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.sent = sent
        self.offline = offline
        self.by_proxy = by_proxy


@dataclass(frozen=True, slots=True)
class Reply:
    """A response. `body` is None where an error's body (status 300 or above) was cut off or too long."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes | None = field(repr=False)

    @property
    def is_web_page(self) -> bool:
        """Whether the body is a web page, as of a network in which one must sign in first."""
        return (self.body or b"").lstrip().startswith(b"<")


def trusted_tls() -> ssl.SSLContext:
    """A TLS context that trusts the CAs of SSL_CERT_FILE or SSL_CERT_DIR, else those of certifi. Raises
    ConfigurationError when they can't be loaded."""
    try:
        return httpx.create_ssl_context()
    except OSError as problem:
        named = os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")
        raise ConfigurationError(
            f"SSL_CERT_FILE or SSL_CERT_DIR: {named} can't be used: {problem.strerror or 'no certificates'}",
            hint="Name a PEM file of certificate authorities there, or unset it.",
        ) from None


def open_client(
    tls: ssl.SSLContext,
    proxy: str | None,
    timeout: httpx.Timeout,
    *,
    base_url: httpx.URL | str = "",
    most_idle: int = MOST_IDLE,
) -> httpx.AsyncClient:
    """A client without redirects, cookies, compression, or settings from the environment.

    https goes through `proxy`, always by CONNECT, so that the proxy can't read requests; plain http, which is
    allowed to loopback only, never does.
    """
    chosen = None
    if proxy is not None:
        chosen = httpx.Proxy(proxy, ssl_context=tls if proxy.startswith("https:") else None)
    return httpx.AsyncClient(
        verify=tls,
        base_url=base_url,
        timeout=timeout,
        headers={"accept-encoding": "identity", "user-agent": "hotfolder"},
        trust_env=False,
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        limits=httpx.Limits(
            max_connections=MOST_CONNECTIONS,
            max_keepalive_connections=most_idle,
            keepalive_expiry=IDLE_SECONDS,
        ),
        proxy=chosen,
        mounts=dict.fromkeys(("http://", "all://localhost", "all://127.0.0.1", "all://[::1]")),
    )


@asynccontextmanager
async def _deadline(seconds: float) -> AsyncIterator[asyncio.Timeout]:
    """A timeout that is extended by RESUME_GRACE_SECONDS if this process was stopped (SIGSTOP, `docker
    pause`) until after it: there is time to read an answer that already lies in the socket."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as deadline:
        last = loop.call_later(
            seconds - RESUME_GRACE_SECONDS, lambda: deadline.reschedule(loop.time() + RESUME_GRACE_SECONDS)
        )
        try:
            yield deadline
        finally:
            last.cancel()


@asynccontextmanager
async def open_response(
    client: httpx.AsyncClient,
    request: httpx.Request,
    total_seconds: float,
    before_send: Callable[[], None] | None = None,
) -> AsyncIterator[httpx.Response]:
    """Context manager: send `request` and yield the response, its body unread; `total_seconds` is the
    deadline for both. `before_send` is called before the first byte is sent, and prevents sending by raising.
    Raises NoAnswer for any network error or timeout."""
    sent = False
    connecting_to: str | None = None

    async def watch(event: str, facts: Mapping[str, Any]) -> None:
        nonlocal sent, connecting_to
        if event == "connection.connect_tcp.started":
            connecting_to = facts["host"]
        elif event == "connection.connect_tcp.complete":
            connecting_to = None
        # CONNECT opens the proxy's tunnel and sends nothing of the request.
        if event.endswith("send_request_headers.started") and facts["request"].method != b"CONNECT":
            if before_send is not None and not sent:
                before_send()
            sent = True

    request.extensions["trace"] = watch
    try:
        async with _deadline(total_seconds) as deadline:
            response = await client.send(request, stream=True)
            try:
                yield response
            finally:
                # The answer was received: an error on closing must not discard it.
                with suppress(Exception):
                    await response.aclose()
    except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, OSError, UnicodeError) as problem:
        if isinstance(problem, TimeoutError) and deadline.expired():
            raise NoAnswer(f"no complete answer came within {total_seconds:g} seconds", sent=sent) from None
        no_tunnel = not sent and isinstance(problem, CONNECTED_ERRORS)
        why, offline = (NO_TUNNEL, False) if no_tunnel else describe_failure(problem)
        raise NoAnswer(
            why,
            sent=sent and not isinstance(problem, httpx.LocalProtocolError),
            offline=offline,
            by_proxy=connecting_to not in (None, request.url.raw_host.decode("ascii")),
        ) from None


async def exchange(
    client: httpx.AsyncClient,
    request: httpx.Request,
    total_seconds: float,
    before_send: Callable[[], None] | None = None,
) -> Reply:
    """Send `request` and read the answer, at most 1 MiB; `before_send` as in `open_response`. Raises NoAnswer
    where no status came, or a success without its complete body."""
    async with open_response(client, request, total_seconds, before_send) as response:
        return Reply(response.status_code, response.headers, await read_bounded(response))


async def read_bounded(response: httpx.Response) -> bytes | None:
    """The decompressed body; None where an error's body can't be read. For a success without its complete
    body, raises NoAnswer or httpx.HTTPError."""
    body = bytearray()
    try:
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > MOST_ANSWER_BYTES:
                raise NoAnswer("the answer was longer than any answer of this API", sent=True)
    except (httpx.HTTPError, NoAnswer):
        if response.status_code >= 300:
            return None
        raise
    unpack = decompressor_for(response, bytes(body))
    # Compression isn't requested, but a proxy that compresses must not lose an answer that was paid for.
    with suppress(zlib.error):
        return unpack.decompress(body, MOST_ANSWER_BYTES) if unpack else bytes(body)
    return bytes(body)


def decompressor_for(response: httpx.Response, head: bytes) -> zlib._Decompress | None:
    """A decompressor for a body that begins with `head`; None where that isn't compressed, whatever the
    headers say."""
    said = response.headers.get("content-encoding", "").strip().lower()
    compressed = said in ("gzip", "x-gzip", "deflate") and head.startswith((b"\x1f\x8b", b"\x78"))
    return zlib.decompressobj(wbits=47) if compressed else None


async def decompressed_pieces(response: httpx.Response, most_bytes: int) -> AsyncIterator[bytes]:
    """The decompressed body as it arrives, in pieces of about 100 KiB. Raises NoAnswer for a body that can't
    be decompressed, and OverflowError once it exceeds `most_bytes`."""
    unpack: zlib._Decompress | None = None
    size_bytes, begun = 0, False
    async for raw in response.aiter_raw():
        if not begun:
            unpack, begun = decompressor_for(response, raw), True
        while raw:
            piece = raw
            if unpack is not None:
                try:
                    piece = unpack.decompress(raw, 1 << 17)
                except zlib.error:
                    raise NoAnswer("its compressed bytes are damaged", sent=True) from None
            size_bytes += len(piece)
            if size_bytes > most_bytes:
                raise OverflowError
            yield piece
            raw = unpack.unconsumed_tail if unpack is not None else b""


def describe_failure(problem: Exception) -> tuple[str, bool]:
    """The cause of a failed exchange as text without anything of the request or the answer, and whether this
    machine is offline."""
    link: BaseException | None = problem
    while link is not None:
        if isinstance(link, BaseExceptionGroup):  # one for each address of the host that was tried
            link = link.exceptions[0]
        if isinstance(link, OSError) and link.errno in NO_NETWORK_ERRNOS:
            return "there is no way to it", True
        for kind, text in CAUSES:
            if isinstance(link, kind):
                # A name server that knows no such name was reached.
                return text, isinstance(link, socket.gaierror) and link.errno == socket.EAI_AGAIN
        link = link.__cause__ or link.__context__
    return next((text for kind, text in FAILURES if isinstance(problem, kind)), LOST_CONNECTION), False


def retry_after_seconds(headers: httpx.Headers) -> float | None:
    """Retry-After in seconds, between 0 and an hour, whether written as seconds or as an HTTP date, which is
    compared with the answer's own Date: this computer's clock may be wrong. None where there is no valid
    one."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,12}(\.\d{1,6})?", text, re.ASCII):
        return min(float(text), LONGEST_RETRY_AFTER_SECONDS)
    aware = http_date(text)
    if aware is None:
        return None
    seconds = (aware - (http_date(headers.get("date", "")) or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)


def http_date(text: str) -> datetime | None:
    """Parse the time in a header such as Date; None where it is invalid."""
    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
