"""The API origin, as one FastAPI application."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Security
from fastapi.openapi.utils import get_openapi
from fastapi.security import APIKeyHeader

from hotfolder.sandbox.faults.injector import Faults, Injector
from hotfolder.sandbox.gate import KEY_HEADER, Gate
from hotfolder.sandbox.hdr import hdr_router
from hotfolder.sandbox.images import images_router
from hotfolder.sandbox.ledger import Recorder
from hotfolder.sandbox.merging import Merging
from hotfolder.sandbox.refusals import install
from hotfolder.sandbox.state import Sandbox

DESCRIPTION = """An offline stand-in of the Stager AI API, v1. It costs nothing; any printable key opens it.

Every refusal is a 4xx with `{"error": "..."}`. The images behind `uploadUrl` and `imageUrl` live on a second
origin, under signed URLs that expire.
"""


def create_app(sandbox: Sandbox, merging: Merging, faults: Faults | None = None) -> FastAPI:
    """The application of the API origin. `merging` is told of each merge that is asked for.

    `faults` stand before the gate, as what goes wrong on a network does.
    """
    # The gate has the last word on the key; this only tells OpenAPI about it.
    key = APIKeyHeader(name=KEY_HEADER, auto_error=False)
    app = FastAPI(
        title="Stager AI API, sandbox",
        version="1",
        description=DESCRIPTION,
        dependencies=[Security(key)],
        redoc_url=None,
    )
    app.include_router(hdr_router(sandbox, merging))
    app.include_router(images_router(sandbox))
    app.add_middleware(Gate, settings=sandbox.settings)
    if faults is not None:
        app.add_middleware(Injector, origin="api", faults=faults)
    app.add_middleware(Recorder, ledger=sandbox.ledger, origin="api")
    install(app)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    return app


def describe(app: FastAPI) -> dict[str, Any]:
    """FastAPI's OpenAPI without the 422 that it promises by itself and this application never answers."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        for path in schema["paths"].values():
            for call in path.values():
                content = call["responses"].get("422", {}).get("content", {}).get("application/json", {})
                if content.get("schema", {}).get("$ref", "").endswith("HTTPValidationError"):
                    del call["responses"]["422"]
        for name in ("HTTPValidationError", "ValidationError"):
            schema["components"]["schemas"].pop(name, None)
        app.openapi_schema = schema
    return app.openapi_schema
