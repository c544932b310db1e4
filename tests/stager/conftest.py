"""A scripted server on a real socket, controlled byte by byte."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pytest

from hotfolder.errors import HotfolderError
from hotfolder.stager.client import StagerClient
from hotfolder.stager.operations import Sky
from hotfolder.stager.transport import Timeouts

KEPT_BODY_BYTES = 1 << 20
KEY, SIGNATURE = "sk_live_5e3r7VeryMuchSecret", "c0ffee"
SKY = Sky(sky_type="twilight")

Call = Callable[[StagerClient], Coroutine[Any, Any, object]]
FREE: list[Call] = [
    lambda client: client.create_project("12 Elm Road"),
    lambda client: client.group("group_1"),
    lambda client: client.upload_url("project_1", "group_1", "01.jpg"),
]
PAID: list[Call] = [
    lambda client: client.enhance("project_1", "group_1"),
    lambda client: client.operate("img_1", SKY),
]


async def failure(attempt: Awaitable[object]) -> HotfolderError:
    """The error raised; neither it nor its traceback shows the key or a signature."""
    with pytest.raises(HotfolderError) as caught:
        async with asyncio.timeout(120):
            await attempt
    error = caught.value
    shown = "".join(traceback.format_exception(error)) + str(error) + repr(error) + repr(vars(error))
    assert KEY not in shown and SIGNATURE not in shown
    return error


@dataclass
class Received:
    """One request as received. `body` keeps its first MiB; `body_bytes` counts all of it."""

    line: str
    headers: list[tuple[str, str]]
    connection: int
    body: bytes = b""
    body_bytes: int = 0

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)


Behaviour = Callable[["Wire", asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def reset(writer: asyncio.StreamWriter) -> None:
    """Abort with a TCP reset."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@dataclass
class Wire:
    """A server. `behave` is run once for each request; `requests` were received, `connections` counts
    connections; `client` is the API client of its origin."""

    behave: Behaviour
    host: str = "127.0.0.1"
    requests: list[Received] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    _server: asyncio.Server | None = None

    @property
    def origin(self) -> str:
        return f"http://{self.host}:{self.port}"

    @cached_property
    def client(self) -> StagerClient:
        return StagerClient(self.origin, lambda: KEY)

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, self.host, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if "client" in vars(self):
            await self.client.aclose()
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while not reader.at_eof():
                await self.behave(self, reader, writer)
                if writer.is_closing():
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def receive(self, reader: asyncio.StreamReader) -> Received:
        """Read one request to its end and keep it."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        pairs = [
            (name.lower(), value.strip())
            for name, _, value in (row.partition(":") for row in head[1:] if row)
        ]
        received = Received(head[0], pairs, self.connections)
        self.requests.append(received)
        left = int(received.header("content-length") or 0)
        kept = bytearray()
        while left:
            piece = await reader.read(min(left, 1 << 18))
            if not piece:
                raise asyncio.IncompleteReadError(b"", left)
            left -= len(piece)
            received.body_bytes += len(piece)
            kept += piece[: max(KEPT_BODY_BYTES - len(kept), 0)]
        received.body = bytes(kept)
        return received


class Behaviours:
    """Behaviours of a server."""

    @staticmethod
    def answer(
        status: int = 200, body: bytes | str | Mapping[str, object] = b"", **headers: str
    ) -> Behaviour:
        """Answer completely and keep the connection."""
        content = (
            body
            if isinstance(body, bytes)
            else (body if isinstance(body, str) else json.dumps(body)).encode()
        )

        async def behave(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await wire.receive(reader)
            named = {
                "content-length": str(len(content)),
                **{key.replace("_", "-"): text for key, text in headers.items()},
            }
            rows = "".join(f"{name}: {value}\r\n" for name, value in named.items())
            writer.write(f"HTTP/1.1 {status} Whatever\r\n{rows}\r\n".encode() + content)
            await writer.drain()

        return behave

    @staticmethod
    def raw(text: bytes, *, then_reset: bool = False) -> Behaviour:
        """Read the request, send these bytes, end the connection."""

        async def behave(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await wire.receive(reader)
            writer.write(text)
            await writer.drain()
            await asyncio.sleep(0.02)
            reset(writer) if then_reset else writer.close()

        return behave

    @staticmethod
    def reset_unread() -> Behaviour:
        async def behave(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            reset(writer)

        return behave

    @staticmethod
    def hang() -> Behaviour:
        async def behave(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await wire.receive(reader)
            await reader.read()

        return behave

    @staticmethod
    def drip(head: bytes, piece: bytes = b" ", every_seconds: float = 0.02) -> Behaviour:
        """Send one piece after another, for ever; of one byte each, so that no single read times out."""

        async def behave(wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await wire.receive(reader)
            writer.write(head)
            while True:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(every_seconds)

        return behave

    @staticmethod
    def endless(head: bytes) -> Behaviour:
        return Behaviours.drip(head, b"x" * 65536, 0)


does = Behaviours  # reads well: `serve(does.hang())`


Serve = Callable[..., Awaitable[Wire]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """`await serve(behaviour)`: starts a server on its own port; all end with the test."""
    started: list[Wire] = []

    async def start(behave: Behaviour, host: str = "127.0.0.1") -> Wire:
        wire = Wire(behave, host)
        await wire.start()
        started.append(wire)
        return wire

    yield start
    for wire in started:
        await wire.stop()


ClientOf = Callable[..., StagerClient]


@pytest.fixture
async def client_of() -> AsyncIterator[ClientOf]:
    """`client_of(origin)`: makes a client of that origin; all close with the test."""
    made: list[StagerClient] = []

    def make(origin: str, key: str = KEY, timeouts: Timeouts | None = None) -> StagerClient:
        made.append(StagerClient(origin, lambda: key, timeouts=timeouts))
        return made[-1]

    yield make
    for client in made:
        await client.aclose()
