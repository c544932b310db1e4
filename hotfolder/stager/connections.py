"""The connections that requests go over: the HTTP library's own, cheaper where they are used most.

With each request the library looks at every idle connection, through three layers; and it takes a picture
from the network in pieces of 64 KiB, although up to 256 KiB are there. That was a quarter of the cost of an
exchange.
"""

from __future__ import annotations

import select
import ssl
from collections.abc import Iterable
from typing import Any

import anyio
import anyio.lowlevel
import httpcore
import httpx

MOST = 100
MOST_IDLE = 12
IDLE_SECONDS = 2.0
"""Shorter than any server's own patience, so that none hangs up on a request just being sent."""
READ_BYTES = 1 << 18
"""The most that the event loop takes from the network at once."""


class Connections(httpx.AsyncHTTPTransport):
    """They follow nothing, ask no environment and add nothing of their own: no redirects, no cookies."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls, trust_env=False)
        # The library lets its transport have no other network but by this name.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=MOST,
            max_keepalive_connections=MOST_IDLE,
            keepalive_expiry=IDLE_SECONDS,
            network_backend=Network(),
        )


async def prepare() -> None:
    """Load what the first exchange needs, most of which the library leaves until then."""
    anyio.Event()
    await anyio.lowlevel.checkpoint()


class Network(httpcore.AnyIOBackend):
    """Makes connections as the library does."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return Wire(await super().connect_tcp(host, port, timeout, local_address, socket_options))


class Wire(httpcore.AsyncNetworkStream):
    """One connection."""

    def __init__(self, stream: httpcore.AsyncNetworkStream) -> None:
        self._stream = stream
        self._poll = select.poll()
        self._poll.register(stream.get_extra_info("socket"), select.POLLIN)

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return await self._stream.read(max(max_bytes, READ_BYTES), timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        return Wire(await self._stream.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """`is_readable` says of an idle connection that the server has hung up."""
        return bool(self._poll.poll(0)) if info == "is_readable" else self._stream.get_extra_info(info)
