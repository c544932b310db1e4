"""The middleware that applies the rules to each request, inside of the ledger's; and the outages."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Self

from hotfolder.sandbox.faults.bodies import redirect_target, reply_redirect
from hotfolder.sandbox.faults.exchange import Exchange, Faults
from hotfolder.sandbox.faults.rules import endpoint_of

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from hotfolder.sandbox.server import Server

logger = logging.getLogger(__name__)

RETRY_SECONDS = 0.2
WITH_PROJECT_ID = ("group-create", "upload-url", "enhance")


class Injector:
    """ASGI middleware. A request that no rule hits passes unchanged."""

    def __init__(self, app: ASGIApp, origin: str, faults: Faults) -> None:
        self._app = app
        self._origin = origin
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = endpoint_of(scope, self._origin) if scope["type"] == "http" else None
        if endpoint is None:
            await self._app(scope, receive, send)
            return
        self._faults.book.refresh()
        exchange = Exchange(endpoint, self._origin, "", self._app, scope, receive, send, self._faults)
        try:
            await self._take(exchange)
        except asyncio.CancelledError:
            exchange.abort()
            raise

    async def _take(self, exchange: Exchange) -> None:
        elsewhere = redirect_target(exchange)
        if elsewhere is not None:
            exchange.fault = "url-redirecting"
            await reply_redirect(exchange, elsewhere)
            return
        title = await self._title(exchange) if self._faults.book.wants_title(exchange.endpoint) else None
        rule = self._faults.book.hit(exchange.endpoint, title)
        if rule is None:
            await self._app(exchange.scope, exchange.receive, exchange.send)
            return
        exchange.fault = rule.fault
        await rule.act(exchange, rule)

    async def _title(self, exchange: Exchange) -> str | None:
        """The title of the project that a request is for, None where that is unknown."""
        if exchange.endpoint == "projects":
            return json_text_field(await self._body(exchange), "title")
        if exchange.endpoint in WITH_PROJECT_ID:
            identifier = json_text_field(await self._body(exchange), "projectId")
        else:
            identifier = PurePosixPath(exchange.scope["path"]).stem
        return self._faults.sandbox.records.title(identifier) if identifier is not None else None

    async def _body(self, exchange: Exchange) -> bytes:
        """Read the request's body, up to the limit for JSON. `exchange.receive` then returns it once more."""
        taken: list[Message] = []
        body = bytearray()
        limit = self._faults.sandbox.settings.json_limit_bytes
        more = True
        while more and len(body) <= limit:
            taken.append(await exchange.receive())
            body += taken[-1].get("body", b"")
            more = taken[-1].get("more_body", False)
        further = exchange.receive

        async def again() -> Message:
            return taken.pop(0) if taken else await further()

        exchange.receive = again
        return bytes(body)


def json_text_field(body: bytes, field: str) -> str | None:
    """The text in that field of a JSON object; None when there is none."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    found = value.get(field) if isinstance(value, dict) else None
    return found if isinstance(found, str) else None


class Outage:
    """The current outages. `begin` may be called within its `async with` block; an origin that is out at the
    end of the block stays out."""

    def __init__(self) -> None:
        self.listeners: dict[str, Server] = {}
        self._ends: dict[str, float] = {}
        self._waiting: dict[str, asyncio.Task[None]] = {}

    def begin(self, origin: str, seconds: float) -> None:
        """Refuse connections to `origin` (`api`, `storage`, `both`) for `seconds` from now, at least."""
        loop = asyncio.get_running_loop()
        for name, listener in self.listeners.items():
            if origin not in (name, "both"):
                continue
            self._ends[name] = max(self._ends.get(name, 0), loop.time() + seconds)
            if name not in self._waiting:
                listener.stop_listening()
                self._waiting[name] = loop.create_task(self._wait(name, listener))

    async def _wait(self, name: str, listener: Server) -> None:
        loop = asyncio.get_running_loop()
        # `begin` may extend the outage while this sleeps.
        while (left := self._ends[name] - loop.time()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left)
        while True:
            try:
                await listener.resume_listening()
                break
            except Exception:
                logger.exception("the sandbox can't listen again yet")
                await asyncio.sleep(RETRY_SECONDS)
        del self._waiting[name]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = list(self._waiting.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
