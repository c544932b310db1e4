"""One exchange over HTTP: sent, read within limits, and its failures translated once.

Nothing raised here holds a key or a URL with its query: the library's own exceptions print both.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from hotfolder.stager.connections import Connections
from hotfolder.stager.throttle import Throttle

ANSWER_BYTES = 1 << 20
LONGEST_RETRY_AFTER_SECONDS = 3600.0
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.LocalProtocolError)

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
    (httpx.ConnectError, "no connection could be made"),
    (httpx.LocalProtocolError, "the request could not be written"),
    (httpx.ReadTimeout, "the request was sent, and no answer came in time"),
    (httpx.WriteTimeout, "the connection was lost while the request was being sent"),
    (httpx.WriteError, "the connection was lost while the request was being sent"),
    (httpx.RemoteProtocolError, "the connection was lost after the request was sent, or no valid HTTP came"),
)

# Their INFO lines hold whole signed URLs, their DEBUG lines the key.
for name in ("httpx", "httpcore"):
    logging.getLogger(name).setLevel(logging.WARNING)


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

    def extension(self, *, read_seconds: float | None = None) -> dict[str, float]:
        """As the HTTP library takes them with a request."""
        return {
            "connect": self.connect_seconds,
            "read": self.read_seconds if read_seconds is None else read_seconds,
            "write": self.write_seconds,
            "pool": self.free_total_seconds,
        }


class TooLong(httpx.ReadError):
    """An answer beyond the limit."""


class Lost(Exception):
    """No answer came. `sent` is False only where the request provably never left this machine."""

    def __init__(self, why: str, *, sent: bool) -> None:
        super().__init__(why)
        self.why = why
        self.sent = sent


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `body` is None where its status came but its body was cut off or too long."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes | None = field(repr=False)


@asynccontextmanager
async def translated(total_seconds: float) -> AsyncIterator[None]:
    """Run a request within a deadline. Raises Lost for whatever goes wrong on the way."""
    try:
        async with asyncio.timeout(total_seconds) as deadline:
            yield
    except (httpx.HTTPError, httpx.StreamError, ssl.SSLError, OSError) as problem:
        if isinstance(problem, TimeoutError) and deadline.expired():
            raise Lost(f"no complete answer came within {total_seconds:g} seconds", sent=True) from None
        raise Lost(words(problem), sent=not isinstance(problem, NEVER_SENT)) from None


async def exchange(connections: Connections, request: httpx.Request, *, total_seconds: float) -> Reply:
    """Send and read the answer, at most 1 MiB of it. Raises Lost unless at least a status came."""
    async with translated(total_seconds):
        response = await connections.handle_async_request(request)
        try:
            body = await read_bounded(response)
        finally:
            # The answer is in hand: a connection that closes badly must not lose it.
            with suppress(Exception):
                await response.aclose()
        return Reply(response.status_code, response.headers, body)


async def read_bounded(response: httpx.Response) -> bytes | None:
    """The body, or None where an error's body can't be had; a success without its body raises."""
    pieces = bytearray()
    try:
        async for piece in raw(response):
            pieces += piece
            if len(pieces) > ANSWER_BYTES:
                raise TooLong("")
    except httpx.HTTPError:
        if response.status_code >= 300:
            return None
        raise
    return unpacked(bytes(pieces), response.headers.get("content-encoding", "identity"))


def raw(response: httpx.Response) -> httpx.AsyncByteStream:
    """The body as it comes from the network."""
    assert isinstance(response.stream, httpx.AsyncByteStream)
    return response.stream


def unpacked(body: bytes, encoding: str) -> bytes:
    """Never asked for, yet an answer that was paid for must not be lost to a proxy that compresses."""
    if encoding.strip().lower() not in ("gzip", "deflate"):
        return body
    try:
        return zlib.decompressobj(wbits=47).decompress(body, ANSWER_BYTES)
    except zlib.error:
        return body


def words(problem: Exception) -> str:
    """What happened, without anything from the request or the answer."""
    if isinstance(problem, TooLong):
        return "the answer was longer than any answer of this API"
    link: BaseException | None = problem
    while link is not None:
        for kind, text in CAUSES:
            if isinstance(link, kind):
                return text
        link = link.__cause__ or link.__context__
    return next((text for kind, text in FAILURES if isinstance(problem, kind)), LOST_CONNECTION)


def retry_after_seconds(headers: httpx.Headers, now: datetime | None = None) -> float | None:
    """The server's wish: seconds or an HTTP date, between 0 and an hour. None where it has none."""
    text = headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,12}(\.\d{1,6})?", text, re.ASCII):
        return min(float(text), LONGEST_RETRY_AFTER_SECONDS)
    aware = http_date(text)
    if aware is None:
        return None
    seconds = (aware - (now or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)


def date_of(headers: httpx.Headers) -> datetime | None:
    """When the server says that it answered; None where it doesn't."""
    return http_date(headers.get("date", ""))


def http_date(text: str) -> datetime | None:
    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
