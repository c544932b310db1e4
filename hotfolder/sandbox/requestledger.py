"""The ledger by which tests judge: an append-only record of every request and of every charge.

`requests.jsonl` in the data folder holds one JSON object a line, with `event` one of
`answered` (a request has its answer: method, route, status, paid, ids, seconds),
`charged` (a paid call was accepted and its work begins),
`refunded` (that work was refused as unsuitable, so the 4xx means "not executed") and
`faulted` (a fault rule hit a request: `fault` is its name, `processed` whether the work was accepted anyway,
`status` what the client receives, null if nothing; if it receives something, there is an `answered` line,
too). `ids` may hold project, group, photo, image, result and object.
It contains no key, no signature, and no text from a caller except ids that the sandbox issued.
"""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotfolder.sandbox.schema import OPERATIONS

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

FILE_NAME = "requests.jsonl"


@dataclass(frozen=True)
class Endpoint:
    """Which origin serves a call, and under which method and routes."""

    origin: str
    method: str
    routes: tuple[str, ...]


ENDPOINTS = {
    "projects": Endpoint("api", "POST", ("/api/projects",)),
    "group-create": Endpoint("api", "POST", ("/api/hdr-image-group",)),
    "upload-url": Endpoint("api", "POST", ("/api/hdr-upload-url",)),
    "put": Endpoint("storage", "PUT", ("/stager-uploads/{name}",)),
    "enhance": Endpoint("api", "POST", ("/api/hdr-enhance",)),
    "group-get": Endpoint("api", "GET", ("/api/hdr-image-group/{groupId}",)),
    "image": Endpoint("api", "POST", ("/api/image",)),
    **{name: Endpoint("api", "POST", (operation.route,)) for name, operation in OPERATIONS.items()},
    "result-get": Endpoint("storage", "GET", ("/stager-final-results/{name}", "/stager-resized/{name}")),
}
"""All calls of both origins, by their names in a file of faults."""

PAID_ROUTES = ("/api/hdr-enhance", *(operation.route for operation in OPERATIONS.values()))
UNMATCHED = "(none)"
IDS = "sandbox.ids"


class RequestLedger:
    """Appends whole lines. A line is written before the answer is sent."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder / FILE_NAME, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def close(self) -> None:
        os.close(self._descriptor)

    def write(self, event: str, **facts: Any) -> None:
        line = {"event": event, "time": datetime.now(UTC).isoformat(), **facts}
        os.write(self._descriptor, (json.dumps(line) + "\n").encode())

    def charge(self, route: str, **ids: str) -> None:
        """Record that a paid call was accepted and its work begins."""
        self.write("charged", origin="api", method="POST", route=route, paid=True, ids=ids)

    def refund(self, route: str, **ids: str) -> None:
        """Record that the work last charged for these ids was refused, and is not paid."""
        self.write("refunded", origin="api", method="POST", route=route, paid=True, ids=ids)

    def fault(self, scope: Scope, *, origin: str, fault: str, processed: bool, status: int | None) -> None:
        """Record the fault that is injected into the request of `scope`, and how far it was processed."""
        self.write(
            "faulted", **request_fields(scope, origin), fault=fault, processed=processed, status=status
        )


def route_of(path: str) -> str:
    """The route template that `path` matches, else UNMATCHED; also for requests refused before routing."""
    for route in (route for call in ENDPOINTS.values() for route in call.routes):
        if re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route), path):
            return route
    return UNMATCHED


def add_ids(scope: Scope, **ids: str) -> None:
    """Add ids to the ledger's line for the request of `scope`."""
    scope.setdefault(IDS, {}).update(ids)


def request_fields(scope: Scope, origin: str) -> dict[str, Any]:
    """The fields of a line that describe the request."""
    route = route_of(scope["path"])
    method = scope["method"] if scope["method"].isalpha() else "?"
    return {
        "origin": origin,
        "method": method,
        "route": route,
        "paid": route in PAID_ROUTES,
        "ids": scope[IDS],
    }


class Recorder:
    """ASGI middleware: writes one `answered` line for each request."""

    def __init__(self, app: ASGIApp, ledger: RequestLedger, origin: str) -> None:
        self._app = app
        self._ledger = ledger
        self._origin = origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope[IDS] = {}
        start = time.monotonic()
        answered = False

        async def recording(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                self._answered(scope, message["status"], time.monotonic() - start)
            await send(message)

        try:
            await self._app(scope, receive, recording)
        except Exception:
            if not answered:
                self._answered(scope, 500, time.monotonic() - start)
            raise

    def _answered(self, scope: Scope, status: int, seconds: float) -> None:
        facts = request_fields(scope, self._origin)
        self._ledger.write("answered", **facts, status=status, seconds=round(seconds, 4))
