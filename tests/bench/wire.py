"""HTTP/1.1 as far as the paced server needs it: one request at a time, bodies received at the line's pace."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.bench.pacing import NONE, Transfer, Trouble

PIECE_BYTES = 128 * 1024
SMALL_BYTES = 64 * 1024
"""A body up to this size is kept; of a longer one, its first bytes and its size."""
BUFFER_BYTES = 512 * 1024
"""A socket's buffer: large enough for the rate, small enough that few bytes count as sent before they are."""


@dataclass
class Request:
    method: str
    path: str
    headers: Mapping[str, str]
    began_at: float
    length: int
    received: int = 0
    head: bytearray = field(default_factory=bytearray)
    tail: bytes = b""
    trouble: Trouble = NONE
    transfer: Transfer | None = None
    cut_after: int | None = None
    """Disconnect after this many bytes of the body have arrived."""

    def json(self) -> Any:
        return json.loads(bytes(self.head))


@dataclass
class Response:
    status: int
    body: bytes = b""
    media_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    transfer: Transfer | None = None
    cut_after: int | None = None
    """Disconnect after this many bytes of the body are sent."""

    def head(self) -> bytes:
        more = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        return (
            f"HTTP/1.1 {self.status} x\r\ncontent-type: {self.media_type}\r\n"
            f"content-length: {len(self.body)}\r\n{more}\r\n"
        ).encode()


Handle = Callable[[Request], Awaitable[Response | None]]
"""Takes a request whose body has arrived; None disconnects."""
Admit = Callable[[Request], None]
"""Sees a request before its body arrives; sets its pace and whether it is cut off."""


class Connection(asyncio.BufferedProtocol):
    """One client connection."""

    def __init__(self, admit: Admit, handle: Handle) -> None:
        self._admit = admit
        self._handle = handle
        self._loop = asyncio.get_running_loop()
        self._buffer = memoryview(bytearray(PIECE_BYTES))
        self._pending = bytearray()
        self._request: Request | None = None
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._task is not None:
            self._task.cancel()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        piece = self._buffer[:nbytes]
        if self._request is None:
            self._pending += piece
            end = self._pending.find(b"\r\n\r\n")
            if end < 0:
                return
            self._request = parse(bytes(self._pending[:end]), self._loop.time())
            rest, self._pending = bytes(self._pending[end + 4 :]), bytearray()
            self._admit(self._request)
            self._take(self._request, memoryview(rest))
        else:
            self._take(self._request, piece)

    def _take(self, request: Request, piece: memoryview) -> None:
        now = self._loop.time()
        request.received += len(piece)
        if len(request.head) < SMALL_BYTES:
            request.head += piece[: SMALL_BYTES - len(request.head)]
        request.tail = bytes(piece[-2:]) if len(piece) > 1 else (request.tail + bytes(piece))[-2:]
        through = request.transfer.carry(len(piece), now) if request.transfer else now
        if request.cut_after is not None and request.received >= request.cut_after:
            self._transport.abort()
        elif request.received >= request.length:
            self._transport.pause_reading()
            self._task = self._loop.create_task(self._answer(request, through))
        elif through > now + 0.001:
            self._transport.pause_reading()
            self._loop.call_at(through, self._resume)

    def _resume(self) -> None:
        if not self._transport.is_closing():
            self._transport.resume_reading()

    async def _answer(self, request: Request, through: float) -> None:
        await asyncio.sleep(max(0.0, through - self._loop.time()))
        response = await self._handle(request)
        if response is None:
            self._transport.abort()
            return
        await self._send(response)
        self._request = None
        self._task = None
        self._resume()

    async def _send(self, response: Response) -> None:
        if response.transfer is None:
            self._transport.write(response.head() + response.body)
            return
        self._transport.write(response.head())
        body = memoryview(response.body)[: response.cut_after]
        for start in range(0, len(body), PIECE_BYTES):
            piece = body[start : start + PIECE_BYTES]
            through = response.transfer.carry(len(piece), self._loop.time())
            await asyncio.sleep(max(0.0, through - self._loop.time()))
            self._transport.write(piece)
        if response.cut_after is not None:
            self._transport.abort()


def parse(head: bytes, now: float) -> Request:
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return Request(method, target.partition("?")[0], headers, now, int(headers.get("content-length", "0")))


def listening(address: str) -> socket.socket:
    """A listening socket on a free port, with buffers of a chosen size."""
    made = socket.create_server((address, 0), backlog=512)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
    return made
