"""Between the ledger and everything else: asks the rules about each request."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from hotfolder.sandbox.faults.book import RuleBook
from hotfolder.sandbox.faults.endpoints import endpoint_of
from hotfolder.sandbox.faults.exchange import Exchange, Surroundings
from hotfolder.sandbox.faults.leading import lead, redirected

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_FIELDS = {"group-create": "projectId", "upload-url": "projectId", "enhance": "projectId"}


@dataclass(frozen=True)
class Faults:
    """What the two origins share."""

    book: RuleBook
    around: Surroundings


class Injector:
    """ASGI middleware. What no rule hits passes untouched."""

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
        exchange = Exchange(endpoint, self._origin, "", self._app, scope, receive, send, self._faults.around)
        try:
            await self._take(exchange)
        except asyncio.CancelledError:
            exchange.abort()
            raise

    async def _take(self, exchange: Exchange) -> None:
        elsewhere = redirected(exchange)
        if elsewhere is not None:
            exchange.fault = "url-redirecting"
            await lead(exchange, elsewhere)
            return
        title = await self._title(exchange) if self._faults.book.wants_title(exchange.endpoint) else None
        rule = self._faults.book.hit(exchange.endpoint, title)
        if rule is None:
            await self._app(exchange.scope, exchange.receive, exchange.send)
            return
        exchange.fault = rule.fault
        await rule.kind.act(exchange, rule.values)

    async def _title(self, exchange: Exchange) -> str | None:
        """The title of the project that a request is for, None when nothing in it tells."""
        if exchange.endpoint == "projects":
            return text_of(await self._body(exchange), "title")
        if exchange.endpoint in BODY_FIELDS:
            identifier = text_of(await self._body(exchange), BODY_FIELDS[exchange.endpoint])
        else:
            identifier = PurePosixPath(exchange.scope["path"]).stem
        if identifier is None:
            return None
        return await asyncio.to_thread(self._faults.around.sandbox.records.title, identifier)

    async def _body(self, exchange: Exchange) -> bytes:
        """The request's body, which can still be received afterwards as if nobody had looked."""
        taken: list[Message] = []
        body = bytearray()
        limit = self._faults.around.sandbox.settings.json_limit_bytes
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


def text_of(body: bytes, field: str) -> str | None:
    """The text in that field of a JSON object; None when there is none."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    found = value.get(field) if isinstance(value, dict) else None
    return found if isinstance(found, str) else None
