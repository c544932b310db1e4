"""The connection itself: where a request has come in, and how to end that rudely."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    from starlette.types import Scope

TRANSPORT = "sandbox.transport"
# On, with no time at all: closing then sends a RST and throws away what is still unsent.
NO_LINGER = struct.pack("ii", 1, 0)


class OpenProtocol(H11Protocol):
    """uvicorn's own, which also tells each request the transport that it came by."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}


def transport_of(scope: Scope) -> asyncio.Transport:
    """The connection of a request that `OpenProtocol` took in."""
    return cast(asyncio.Transport, scope["state"][TRANSPORT])


async def flushed(transport: asyncio.Transport) -> None:
    """Wait until the system has taken all that was written, or the connection is gone."""
    # A transport tells only its protocol when it has drained, and that is uvicorn's.
    while transport.get_write_buffer_size() and not transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(0.005)


def reset(transport: asyncio.Transport) -> None:
    """End the connection with a RST."""
    connection = transport.get_extra_info("socket")
    if not transport.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    transport.abort()
