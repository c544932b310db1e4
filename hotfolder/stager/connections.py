"""The connections that requests go over, kept by the HTTP library."""

from __future__ import annotations

import ssl

import anyio
import anyio.lowlevel
import httpcore
import httpx
import sniffio

from hotfolder.stager.wire import Network

MOST = 100
MOST_IDLE = 12
IDLE_SECONDS = 2.0
"""Shorter than any server's own patience, so that none hangs up on a request just being sent."""


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
    """Load what the first exchange needs, most of which the library leaves until then; and answer, once for
    this thread, which kind of event loop runs here, which the library asks with every lock that it takes."""
    sniffio.thread_local.name = "asyncio"
    anyio.Event()
    await anyio.lowlevel.checkpoint()
