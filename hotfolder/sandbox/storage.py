"""The second origin: signed URLs only, no key. PUT takes a photo's bytes, GET and HEAD give pictures out."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from xml.sax.saxutils import escape

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from hotfolder.sandbox.faults.exchange import Faults
from hotfolder.sandbox.faults.injector import Injector
from hotfolder.sandbox.ledger import Recorder, note
from hotfolder.sandbox.objects import CONTENT_TYPES, UPLOADS, BadSignature, ExpiredSignature
from hotfolder.sandbox.state import Sandbox
from hotfolder.sandbox.strict import drain

PIECE_BYTES = 1024**2


def create_storage(sandbox: Sandbox, faults: Faults | None = None) -> Starlette:
    """The application of the storage origin. `faults` stand before all of it."""
    calls = StorageCalls(sandbox)

    async def put_object(request: Request) -> Response:
        refusal = calls.refusal(request)
        if refusal is not None:
            await drain(request.receive, sandbox.settings.upload_limit_bytes)
            return refusal
        return await calls.put(request)

    async def get_object(request: Request) -> Response:
        return calls.refusal(request) or calls.get(request)

    middleware = [Middleware(Recorder, ledger=sandbox.ledger, origin="storage")]
    if faults is not None:
        middleware.append(Middleware(Injector, origin="storage", faults=faults))
    path = "/{bucket}/{name}"
    return Starlette(
        routes=[
            Route(path, get_object, methods=["GET", "HEAD"]),
            Route(path, put_object, methods=["PUT"]),
        ],
        middleware=middleware,
    )


class StorageCalls:
    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def refusal(self, request: Request) -> Response | None:
        """Why this URL opens nothing, None when it does. A good signature vouches for the name, too."""
        try:
            self._sandbox.signer.check(request.method, request.url.path, request.query_params)
        except ExpiredSignature:
            return trouble(400, "ExpiredToken", "The signed URL has expired; ask for a fresh one.")
        except BadSignature:
            return trouble(
                403, "SignatureDoesNotMatch", "The signature is missing, or not for this method and path."
            )
        kind = "photo" if request.path_params["bucket"] == UPLOADS else "object"
        note(request.scope, **{kind: Path(request.path_params["name"]).stem})
        return None

    def get(self, request: Request) -> Response:
        path = self._path(request)
        if not path.is_file():
            return trouble(404, "NoSuchKey", "The object does not exist.")
        return FileResponse(path, media_type=CONTENT_TYPES[path.suffix])

    async def put(self, request: Request) -> Response:
        announced = request.headers.get("content-length")
        limit = self._sandbox.settings.upload_limit_bytes
        if announced is None:
            return trouble(411, "MissingContentLength", "You must provide the Content-Length header.")
        if int(announced) > limit:
            await drain(request.receive, limit)
            return trouble(413, "EntityTooLarge", f"At most {limit} bytes are taken.")
        path = self._path(request)
        part = self._sandbox.objects.part(path.suffix)
        try:
            await self._receive(request, part)
            await asyncio.to_thread(settle, part)
            self._sandbox.objects.place(part, path.parent.name, path.name)
        except ClientDisconnect:
            return trouble(400, "IncompleteBody", "The connection ended before the body did.")
        finally:
            part.unlink(missing_ok=True)
        return Response(status_code=200)

    async def _receive(self, request: Request, part: Path) -> None:
        """Write the body down in large pieces: a thread hop for each small one costs more than the disk."""
        with part.open("wb") as file:
            pending = bytearray()
            async for piece in request.stream():
                pending += piece
                if len(pending) >= PIECE_BYTES:
                    await asyncio.to_thread(file.write, bytes(pending))
                    pending.clear()
            await asyncio.to_thread(file.write, bytes(pending))

    def _path(self, request: Request) -> Path:
        return self._sandbox.objects.path(request.path_params["bucket"], request.path_params["name"])


def settle(part: Path) -> None:
    with part.open("rb") as file:
        os.fsync(file.fileno())


def trouble(status: int, code: str, message: str) -> Response:
    """An error as the real storage words it."""
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    return Response(
        f"<?xml version='1.0' encoding='UTF-8'?>{error}", status_code=status, media_type="application/xml"
    )
