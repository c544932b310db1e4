"""The storage origin: signed URLs only, no key. PUT stores a photo, GET and HEAD return pictures."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from hotfolder.sandbox.faults.exchange import Faults
from hotfolder.sandbox.faults.injector import Injector
from hotfolder.sandbox.objects import CONTENT_TYPES, UPLOADS
from hotfolder.sandbox.requestledger import Recorder, add_ids
from hotfolder.sandbox.state import Sandbox
from hotfolder.sandbox.strict import XML_TYPE, drain, storage_error

PIECE_BYTES = 1024**2


class StorageRefusal(Exception):
    """A request that is refused, with the storage's code for it."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = storage_error(code, message)


def create_storage(sandbox: Sandbox, faults: Faults | None = None) -> Starlette:
    """The application of the storage origin. `faults` are injected before all checks."""

    async def refused(request: Request, error: Exception) -> Response:
        assert isinstance(error, StorageRefusal)
        if request.method == "PUT":
            await drain(request.receive, sandbox.settings.upload_limit_bytes)
        return Response(error.body, error.status, media_type=XML_TYPE)

    middleware = [Middleware(Recorder, ledger=sandbox.ledger, origin="storage")]
    if faults is not None:
        middleware.append(Middleware(Injector, origin="storage", faults=faults))
    app = Starlette(
        routes=[Route("/{bucket}/{name}", StoredObject)],
        middleware=middleware,
        exception_handlers={StorageRefusal: refused},
    )
    app.state.sandbox = sandbox
    return app


class StoredObject(HTTPEndpoint):
    """GET, HEAD and PUT of one object."""

    async def get(self, request: Request) -> Response:
        path = allowed_path(request)
        if not path.is_file():
            raise StorageRefusal(404, "NoSuchKey", "The object does not exist.")
        return FileResponse(path, media_type=CONTENT_TYPES[path.suffix])

    async def put(self, request: Request) -> Response:
        path = allowed_path(request)
        sandbox: Sandbox = request.app.state.sandbox
        announced = request.headers.get("content-length")
        limit = sandbox.settings.upload_limit_bytes
        if announced is None:
            raise StorageRefusal(411, "MissingContentLength", "You must provide the Content-Length header.")
        if int(announced) > limit:
            raise StorageRefusal(413, "EntityTooLarge", f"At most {limit} bytes are taken.")
        part = sandbox.objects.part(path.suffix)
        try:
            await receive_into(part, request)
            sandbox.objects.place(part, path.parent.name, path.name)
        except ClientDisconnect:
            raise StorageRefusal(400, "IncompleteBody", "The connection ended before the body did.") from None
        finally:
            part.unlink(missing_ok=True)
        return Response(status_code=200)


def allowed_path(request: Request) -> Path:
    """The path of the object that this signed URL allows. Raises StorageRefusal. A valid signature proves the
    name, too."""
    sandbox: Sandbox = request.app.state.sandbox
    bucket, name = request.path_params["bucket"], request.path_params["name"]
    signature = sandbox.signer.verify(request.method, request.url.path, request.query_params)
    if signature == "expired":
        raise StorageRefusal(400, "ExpiredToken", "The signed URL has expired; ask for a fresh one.")
    if signature == "wrong":
        said = "The signature is missing, or not for this method and path."
        raise StorageRefusal(403, "SignatureDoesNotMatch", said)
    add_ids(request.scope, **{"photo" if bucket == UPLOADS else "object": Path(name).stem})
    return sandbox.objects.path(bucket, name)


async def receive_into(part: Path, request: Request) -> None:
    """Write and fsync the body, in large pieces: a thread call for each small one would be slower."""
    with part.open("wb") as file:
        pending = bytearray()
        async for piece in request.stream():
            pending += piece
            if len(pending) >= PIECE_BYTES:
                await asyncio.to_thread(file.write, bytes(pending))
                pending.clear()
        file.write(pending)
        file.flush()
        await asyncio.to_thread(os.fsync, file.fileno())
