"""One request that a fault hits, and all that can be done with it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hotfolder.sandbox.faults.answer import Answer, Headers
from hotfolder.sandbox.faults.outage import Outage
from hotfolder.sandbox.faults.wire import flushed, reset, transport_of
from hotfolder.sandbox.intake import drain
from hotfolder.sandbox.state import Sandbox

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


@dataclass(frozen=True)
class Surroundings:
    """What all exchanges share. `redirects` is where each URL of a `url-redirecting` leads, by its query."""

    sandbox: Sandbox
    outage: Outage
    redirects: dict[bytes, str] = field(default_factory=dict)


@dataclass
class Exchange:
    """`note` (`begin` and `reply` do it) comes exactly once, before anything that the client can see."""

    endpoint: str
    origin: str
    fault: str
    app: ASGIApp
    scope: Scope
    receive: Receive
    send: Send
    around: Surroundings
    processed: bool = False

    async def carry_out(self) -> Answer:
        """Let the sandbox do its work, and keep the answer back. Whoever pays has paid when this returns."""
        answer, pieces = Answer(), bytearray()

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer.status, answer.headers = message["status"], list(message["headers"])
            else:
                pieces.extend(message.get("body", b""))

        await self.app(self.scope, self.receive, keep)
        answer.body = bytes(pieces)
        self.processed = not 400 <= answer.status < 500
        return answer

    async def take_in(self) -> None:
        """Read the request, and do nothing."""
        await drain(self.receive, self.around.sandbox.settings.upload_limit_bytes)

    def note(self, status: int | None) -> None:
        """Write the ledger's line. `status` is what the client is told, None when it is told nothing."""
        self.around.sandbox.ledger.fault(
            self.scope, origin=self.origin, fault=self.fault, processed=self.processed, status=status
        )

    async def begin(self, status: int, headers: Headers) -> None:
        """Note the fault, and send status and headers."""
        self.note(status)
        await self.start(status, headers)

    async def start(self, status: int, headers: Headers) -> None:
        """Send status and headers of a fault that is noted already."""
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def write(self, piece: bytes, *, last: bool = False) -> None:
        await self.send({"type": "http.response.body", "body": piece, "more_body": not last})

    async def reply(self, answer: Answer) -> None:
        """Send a whole answer."""
        await self.begin(answer.status, answer.headers)
        await self.write(answer.body, last=True)

    async def reset(self) -> None:
        """Send a RST, behind whatever was written before."""
        transport = transport_of(self.scope)
        await flushed(transport)
        reset(transport)
        await self.gone_within(None)

    async def hang_up(self) -> None:
        """Close the connection in peace, however much of the answer is missing."""
        transport_of(self.scope).close()
        await self.gone_within(None)

    def abort(self) -> None:
        reset(transport_of(self.scope))

    async def gone_within(self, seconds: float | None) -> bool:
        """Wait for the connection's end; whether it came in time. What the client sends is dropped."""
        try:
            async with asyncio.timeout(seconds):
                while (await self.receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            return False
        return True
