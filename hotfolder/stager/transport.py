"""HTTP exchanges by httpx: clients, timeouts, bounded answers, and its exceptions translated.

Nothing raised here holds a key or a URL with its query: the library's own exceptions print both.
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

ANSWER_BYTES = 1 << 20
LONGEST_RETRY_AFTER_SECONDS = 3600.0
ON_THE_WIRE = (
    httpx.ReadError,
    httpx.WriteError,
    httpx.ReadTimeout,
    httpx.WriteTimeout,
    httpx.RemoteProtocolError,
)
NO_NETWORK = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN})
MOST_CONNECTIONS, MOST_IDLE = 100, 12
IDLE_SECONDS = 2.0
"""Shorter than servers keep an idle connection, so that none closes one on which a request is being sent."""

NO_TUNNEL = "the proxy made no connection to it"
LOST_CONNECTION = "the connection was lost after the request was sent"
CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "its name could not be looked up"),
    (UnicodeError, "its name could not be looked up"),
    (ssl.SSLCertVerificationError, "its certificate is not valid"),
    (ConnectionRefusedError, "the connection was refused"),
)
FAILURES: tuple[tuple[type[BaseException], str], ...] = (
    (httpx.ConnectTimeout, "no connection could be made in time"),
    (httpx.PoolTimeout, "all connections stayed busy"),
    (httpx.ProxyError, NO_TUNNEL),
    (httpx.ConnectError, "no connection could be made"),
    (httpx.LocalProtocolError, "the request could not be written"),
    (httpx.ReadTimeout, "the request was sent, and no answer came in time"),
    (httpx.WriteTimeout, "the connection was lost while the request was being sent"),
    (httpx.WriteError, "the connection was lost while the request was being sent"),
    (httpx.RemoteProtocolError, "the connection was lost after the request was sent, or no valid HTTP came"),
)

# Its INFO lines hold whole signed URLs.
logging.getLogger("httpx").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `read` and `write` hold for one piece of data, `total` for an exchange as a whole.

    A piece that is written is up to 2 MiB, and several uploads may share a slow line.
    """

    connect_seconds: float = 10.0
    read_seconds: float = 60.0
    write_seconds: float = 300.0
    free_total_seconds: float = 120.0
    paid_read_seconds: float = 600.0
    paid_total_seconds: float = 900.0
    transfer_total_seconds: float = 3600.0

    def upload_seconds(self, throttle: Throttle | None, size_bytes: int) -> float:
        """`total` for an upload, which a throttle may make take longer."""
        slower = throttle.patience_seconds(size_bytes) if throttle is not None else 0.0
        return self.transfer_total_seconds + slower

    def of_client(self, *, paid: bool = False) -> httpx.Timeout:
        """What a client for free or for paid requests is opened with."""
        return httpx.Timeout(
            connect=self.connect_seconds,
            read=self.paid_read_seconds if paid else self.read_seconds,
            write=self.write_seconds,
            pool=self.free_total_seconds,
        )


class Lost(Exception):
    """No answer came. `sent` is False only where the request provably never left this machine. `offline` is
    True where this machine has no way to the internet, as far as it can tell."""

    def __init__(self, why: str, *, sent: bool, offline: bool = False) -> None:
        super().__init__(why)
        self.why = why
        self.sent = sent
        self.offline = offline


@dataclass(frozen=True, slots=True)
class Reply:
    """A response. `body` is None where the status came but the body was cut off or too long."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes | None = field(repr=False)


def trusted() -> ssl.SSLContext:
    """TLS that trusts the authorities that SSL_CERT_FILE or SSL_CERT_DIR name, else those of certifi. Raises
    ConfigurationError."""
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
    """A client that follows no redirects, keeps no cookies, asks for nothing compressed, and takes nothing
    from the environment.

    https goes through `proxy`, always by CONNECT, so that the proxy sees nothing of a request; plain http,
    which is for this machine alone, never does.
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
async def answered(
    client: httpx.AsyncClient,
    request: httpx.Request,
    total_seconds: float,
    leaves: Callable[[], None] | None = None,
) -> AsyncIterator[httpx.Response]:
    """The response, its body still to be read; sending and reading end by the deadline. `leaves` is called
    before the first byte is sent, and may keep the request here by raising. Raises Lost for whatever goes
    wrong on the way."""
    sent = False

    async def watch(event: str, facts: Mapping[str, Any]) -> None:
        nonlocal sent
        # A proxy is asked for its tunnel first, which sends nothing of the request.
        if event.endswith("send_request_headers.started") and facts["request"].method != b"CONNECT":
            if leaves is not None and not sent:
                leaves()
            sent = True

    request.extensions["trace"] = watch
    try:
        async with asyncio.timeout(total_seconds) as deadline:
            response = await client.send(request, stream=True)
            try:
                yield response
            finally:
                # The answer is in hand: a connection that closes badly must not lose it.
                with suppress(Exception):
                    await response.aclose()
    except (httpx.HTTPError, httpx.StreamError, OSError, UnicodeError) as problem:
        if isinstance(problem, TimeoutError) and deadline.expired():
            raise Lost(f"no complete answer came within {total_seconds:g} seconds", sent=sent) from None
        why, offline = words(problem) if sent or not isinstance(problem, ON_THE_WIRE) else (NO_TUNNEL, False)
        raise Lost(
            why, sent=sent and not isinstance(problem, httpx.LocalProtocolError), offline=offline
        ) from None


async def exchange(
    client: httpx.AsyncClient,
    request: httpx.Request,
    total_seconds: float,
    leaves: Callable[[], None] | None = None,
) -> Reply:
    """Send and read the answer, at most 1 MiB of it; `leaves` as in `answered`. Raises Lost unless at least a
    status came."""
    async with answered(client, request, total_seconds, leaves) as response:
        return Reply(response.status_code, response.headers, await read_bounded(response))


async def read_bounded(response: httpx.Response) -> bytes | None:
    """The body, or None where an error's body can't be had; a success without its body raises Lost."""
    body = bytearray()
    try:
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > ANSWER_BYTES:
                raise Lost("the answer was longer than any answer of this API", sent=True)
    except (httpx.HTTPError, Lost):
        if response.status_code >= 300:
            return None
        raise
    unpack = unpacker(response, bytes(body))
    # Never asked for, yet an answer that was paid for must not be lost to a proxy that compresses.
    with suppress(zlib.error):
        return unpack.decompress(body, ANSWER_BYTES) if unpack else bytes(body)
    return bytes(body)


def unpacker(response: httpx.Response, head: bytes) -> zlib._Decompress | None:
    """A decompressor for a body that begins with `head`; None where that isn't compressed, whatever its
    headers say."""
    said = response.headers.get("content-encoding", "").strip().lower()
    compressed = said in ("gzip", "x-gzip", "deflate") and head.startswith((b"\x1f\x8b", b"\x78"))
    return zlib.decompressobj(wbits=47) if compressed else None


async def plain_pieces(response: httpx.Response, most_bytes: int) -> AsyncIterator[bytes]:
    """The body without its compression, in pieces of some 100 KiB, as it comes. Raises Lost for a body that
    can't be unpacked, and OverflowError once it has more than `most_bytes`."""
    unpack: zlib._Decompress | None = None
    size_bytes, begun = 0, False
    async for raw in response.aiter_raw():
        if not begun:
            unpack, begun = unpacker(response, raw), True
        while raw:
            piece = raw
            if unpack is not None:
                try:
                    piece = unpack.decompress(raw, 1 << 17)
                except zlib.error:
                    raise Lost("its compressed bytes are damaged", sent=True) from None
            size_bytes += len(piece)
            if size_bytes > most_bytes:
                raise OverflowError
            yield piece
            raw = unpack.unconsumed_tail if unpack is not None else b""


def words(problem: Exception) -> tuple[str, bool]:
    """The cause in words, with nothing of the request or the answer in them; and whether this machine is
    offline."""
    link: BaseException | None = problem
    while link is not None:
        if isinstance(link, BaseExceptionGroup):  # each of a name's addresses was tried
            link = link.exceptions[0]
        if isinstance(link, OSError) and link.errno in NO_NETWORK:
            return "there is no way to it", True
        for kind, text in CAUSES:
            if isinstance(link, kind):
                return text, kind is socket.gaierror
        link = link.__cause__ or link.__context__
    return next((text for kind, text in FAILURES if isinstance(problem, kind)), LOST_CONNECTION), False


def retry_after_seconds(headers: httpx.Headers, now: datetime | None = None) -> float | None:
    """Retry-After in seconds, between 0 and an hour, whether written as seconds or as an HTTP date. None
    where there is no valid one."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,12}(\.\d{1,6})?", text, re.ASCII):
        return min(float(text), LONGEST_RETRY_AFTER_SECONDS)
    aware = http_date(text)
    if aware is None:
        return None
    seconds = (aware - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)


def date_of(headers: httpx.Headers) -> datetime | None:
    """The Date header; None where there is no valid one."""
    return http_date(headers.get("date", ""))


def http_date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
