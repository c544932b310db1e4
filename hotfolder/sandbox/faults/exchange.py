"""One request that a fault hits, and the operations on it and its connection."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.h11_impl import H11Protocol

from hotfolder.sandbox.state import Sandbox
from hotfolder.sandbox.strict import drain

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from hotfolder.sandbox.faults.injector import Outage
    from hotfolder.sandbox.faults.rules import RuleBook

Headers = list[tuple[bytes, bytes]]

JSON_TYPE = "application/json"
FAULT_MESSAGE = "a fault that the sandbox was told to make"


@dataclass
class HttpAnswer:
    """Header names are in lower case."""

    status: int = 200
    headers: Headers = field(default_factory=list)
    body: bytes = b""

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def value(self) -> Any:
        """The body's JSON."""
        return json.loads(self.body)

    def with_body(self, body: bytes) -> HttpAnswer:
        """A copy with another body and its Content-Length, without an ETag."""
        kept = [(name, value) for name, value in self.headers if name not in (b"content-length", b"etag")]
        return HttpAnswer(self.status, [*kept, (b"content-length", str(len(body)).encode())], body)

    def with_value(self, value: Any) -> HttpAnswer:
        return self.with_body(json.dumps(value).encode())


def new_answer(status: int, kind: str, body: bytes, extra: Mapping[str, str] | None = None) -> HttpAnswer:
    """A new answer with a body of the media type `kind`."""
    headers = {"content-type": kind, "content-length": str(len(body)), **(extra or {})}
    return HttpAnswer(status, [(name.encode(), value.encode()) for name, value in headers.items()], body)


@dataclass(frozen=True)
class Faults:
    """State that both origins share. `redirects`: the targets of `url-redirecting` URLs, by their query."""

    book: RuleBook
    sandbox: Sandbox
    outage: Outage
    redirects: dict[bytes, str] = field(default_factory=dict)


@dataclass
class Exchange:
    """A request that a fault hits. `note` must be called exactly once, before the client can see anything;
    `begin` and `reply` call it."""

    endpoint: str
    origin: str
    fault: str
    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send
    faults: Faults
    processed: bool = False

    async def process_request(self) -> HttpAnswer:
        """Process the request, and return the answer without sending it. A paid call is charged by then."""
        answer, pieces = HttpAnswer(), bytearray()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status, answer.headers = message["status"], list(message["headers"])
            else:
                pieces.extend(message.get("body", b""))

        await self.app(self.scope, self.receive, keep)
        answer.body = bytes(pieces)
        self.processed = not 400 <= answer.status < 500
        return answer

    async def read_request(self) -> None:
        """Read the request without processing it."""
        await drain(self.receive, self.faults.sandbox.settings.upload_limit_bytes)

    def note(self, status: int | None) -> None:
        """Write the ledger's line. `status` is what the client receives, None if nothing."""
        self.faults.sandbox.ledger.fault(
            self.scope, origin=self.origin, fault=self.fault, processed=self.processed, status=status
        )

    async def begin(self, status: int, headers: Headers) -> None:
        """Call `note`, and send status and headers."""
        self.note(status)
        await self.start(status, headers)

    async def start(self, status: int, headers: Headers) -> None:
        """Send status and headers, after `note`."""
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, piece: bytes, *, last: bool = False) -> None:
        await self.send({"type": "http.response.body", "body": piece, "more_body": not last})

    async def reply(self, answer: HttpAnswer) -> None:
        """Send a whole answer."""
        await self.begin(answer.status, answer.headers)
        await self.write(answer.body, last=True)

    async def reset(self) -> None:
        """Send a RST, after everything that was written before."""
        transport = transport_of(self.scope)
        await wait_until_flushed(transport)
        reset(transport)
        await self.closed_within(None)

    async def hang_up(self) -> None:
        """Close the connection normally, even if the answer is incomplete."""
        transport_of(self.scope).close()
        await self.closed_within(None)

    def abort(self) -> None:
        reset(transport_of(self.scope))

    async def closed_within(self, seconds: float | None) -> bool:
        """Wait for the connection's end, for ever if None. Returns whether it came in time. What the client
        sends is discarded."""
        try:
            async with asyncio.timeout(seconds):
                while (await self.receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return False
        return True


TRANSPORT = "sandbox.transport"
# SO_LINGER on, with a timeout of 0: closing sends a RST and discards what is still unsent.
NO_LINGER = struct.pack("ii", 1, 0)


class OpenProtocol(H11Protocol):
    """uvicorn's protocol, which also passes the connection's transport to each request."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}


def transport_of(scope: Scope) -> asyncio.Transport:
    """The connection of a request that `OpenProtocol` received."""
    return cast(asyncio.Transport, scope["state"][TRANSPORT])


async def wait_until_flushed(transport: asyncio.Transport) -> None:
    """Wait until the system has accepted all that was written, or the connection is closed."""
    # A polling loop: a transport notifies only its protocol when it has drained, and that is uvicorn's.
    while transport.get_write_buffer_size() and not transport.is_closing():  # noqa: ASYNC110
        await asyncio.sleep(0.005)


def reset(transport: asyncio.Transport) -> None:
    """End the connection with a RST."""
    connection = transport.get_extra_info("socket")
    if not transport.is_closing():
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
    transport.abort()
