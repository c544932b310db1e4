"""The network under the HTTP library: the event loop's own transports, and nothing between.

The library's usual way goes through a second one that serves several kinds of event loops. Its stops and
scopes around each read and write were a sixth of what a small exchange costs; and over TLS it took a picture
record by record, which was more than half of what a download costs.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore

READ_BYTES = 1 << 18
"""The most that the event loop takes from the network at once."""
MOST_WAITING_BYTES = 1 << 20
"""When so much has come that nobody has asked for yet, no more is taken."""
NEXT_ADDRESS_SECONDS = 0.25
"""How long one of a name's addresses is tried alone (RFC 8305)."""


class Network(httpcore.AnyIOBackend):
    """Makes connections. Sockets of other kinds than TCP it makes as the library does."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        wire = Wire()
        with failing_as(httpcore.ConnectTimeout, httpcore.ConnectError):
            async with asyncio.timeout(timeout):
                await asyncio.get_running_loop().create_connection(
                    lambda: wire,
                    host,
                    port,
                    local_addr=None if local_address is None else (local_address, 0),
                    happy_eyeballs_delay=NEXT_ADDRESS_SECONDS,
                )
        for option in socket_options or ():
            wire.get_extra_info("socket").setsockopt(*option)
        return wire


class Wire(asyncio.Protocol, httpcore.AsyncNetworkStream):
    """One connection."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._arrived: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._over = False
        self._problem: Exception | None = None
        self._wanted: asyncio.Future[None] | None = None
        self._full = False

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        # Whoever writes waits until the system has all of it: only then does an answer's time begin.
        transport.set_write_buffer_limits(0)

    def data_received(self, data: bytes) -> None:
        self._arrived.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes > MOST_WAITING_BYTES and self._transport is not None:
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._over = True
        self._wake()

    def connection_lost(self, problem: Exception | None) -> None:
        self._over, self._problem, self._full = True, problem, False
        self._wake()

    def pause_writing(self) -> None:
        self._full = True

    def resume_writing(self) -> None:
        self._full = False
        self._wake()

    def _wake(self) -> None:
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)

    async def _news(self) -> None:
        self._wanted = asyncio.get_running_loop().create_future()
        await self._wanted

    # What the HTTP library calls. It never reads and writes at once.

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has come, in the pieces that it came in, which may be larger than `max_bytes`: a picture is
        then taken in a quarter of the steps. b"" at the end. What came before a failure comes first."""
        with failing_as(httpcore.ReadTimeout, httpcore.ReadError):
            if not self._arrived and not self._over:
                async with asyncio.timeout(timeout):
                    while not self._arrived and not self._over:
                        await self._news()
            if self._arrived:
                return self._next_piece()
            if self._problem is not None:
                raise self._failure()
        return b""

    def _next_piece(self) -> bytes:
        piece = self._arrived.popleft()
        before, self._waiting_bytes = self._waiting_bytes, self._waiting_bytes - len(piece)
        if before > MOST_WAITING_BYTES >= self._waiting_bytes and self._transport is not None:
            self._transport.resume_reading()
        return piece

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with failing_as(httpcore.WriteTimeout, httpcore.WriteError):
            if not buffer:
                return
            self._refuse_closed().write(buffer)
            if self._full:
                async with asyncio.timeout(timeout):
                    while self._full:
                        await self._news()
                self._refuse_closed()

    def _refuse_closed(self) -> asyncio.Transport:
        if self._transport is None or self._transport.is_closing():
            raise self._failure()
        return self._transport

    def _failure(self) -> Exception:
        # Made anew: one that is kept would keep all that it was raised through, and the photo's piece there.
        problem = self._problem
        return type(problem)(*problem.args) if problem else ConnectionResetError("the connection is closed")

    async def aclose(self) -> None:
        # Without a goodbye, for which a server that hangs would be waited.
        if self._transport is not None:
            self._transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        sealed = Sealed(self, ssl_context, server_hostname)
        try:
            await sealed.shake_hands(timeout)
        except BaseException:
            await self.aclose()
            raise
        return sealed

    def get_extra_info(self, info: str) -> Any:
        """`is_readable` says of an idle connection that the server has hung up, as far as the event loop has
        heard: it always listens. All are asked before each exchange, and to ask the system costs more."""
        if info == "is_readable":
            return self._over or bool(self._arrived)
        names = {"client_addr": "sockname", "server_addr": "peername"}
        return None if self._transport is None else self._transport.get_extra_info(names.get(info, info))


class Sealed(httpcore.AsyncNetworkStream):
    """A connection under TLS. The event loop has this too, but takes whatever is written at once, and nobody
    hears when it has left."""

    def __init__(self, wire: Wire, context: ssl.SSLContext, hostname: str | None) -> None:
        self._wire = wire
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)

    async def shake_hands(self, timeout: float | None) -> None:
        """Raises ConnectTimeout, ConnectError."""
        with failing_as(httpcore.ConnectTimeout, httpcore.ConnectError):
            async with asyncio.timeout(timeout):
                while not self._shaken():
                    await self._flush(None)
                    await self._take(None)
                await self._flush(None)

    def _shaken(self) -> bool:
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """As `Wire.read`."""
        with failing_as(httpcore.ReadTimeout, httpcore.ReadError):
            while (piece := self._opened()) is None:
                await self._flush(timeout)
                await self._take(timeout)
            return piece

    def _opened(self) -> bytes | None:
        """What there is, of as many records as it takes; b"" at the end, None where more has to come."""
        records: list[bytes] = []
        size_bytes = 0
        try:
            while size_bytes < READ_BYTES and (record := self._tls.read(READ_BYTES - size_bytes)):
                records.append(record)
                size_bytes += len(record)
        except ssl.SSLWantReadError:
            return b"".join(records) or None
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            pass
        return b"".join(records)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        with failing_as(httpcore.WriteTimeout, httpcore.WriteError):
            left = memoryview(buffer)
            while left:
                try:
                    left = left[self._tls.write(left) :]
                except ssl.SSLWantReadError:  # TLS 1.2 may begin anew at any time
                    await self._flush(timeout)
                    await self._take(timeout)
            await self._flush(timeout)

    async def _flush(self, timeout: float | None) -> None:
        if self._outgoing.pending:
            await self._wire.write(self._outgoing.read(), timeout)

    async def _take(self, timeout: float | None) -> None:
        if arrived := await self._wire.read(READ_BYTES, timeout):
            self._incoming.write(arrived)
        else:
            self._incoming.write_eof()

    async def aclose(self) -> None:
        await self._wire.aclose()

    def get_extra_info(self, info: str) -> Any:
        return self._tls if info == "ssl_object" else self._wire.get_extra_info(info)


@contextmanager
def failing_as(late: type[Exception], failed: type[Exception]) -> Iterator[None]:
    """Raise what went wrong as the HTTP library has it."""
    try:
        yield
    except (TimeoutError, httpcore.TimeoutException) as problem:
        raise late(str(problem)) from problem
    except (OSError, UnicodeError, httpcore.NetworkError) as problem:
        # What TLS says is an OSError; a name that can't be one is a UnicodeError.
        raise failed(str(problem)) from problem
