"""The names by which rules speak of calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hotfolder.sandbox.ledger import route_of

if TYPE_CHECKING:
    from starlette.types import Scope


@dataclass(frozen=True)
class Call:
    """One endpoint: which origin serves it, and under which method and routes."""

    origin: str
    method: str
    routes: tuple[str, ...]


ENDPOINTS = {
    "projects": Call("api", "POST", ("/api/projects",)),
    "group-create": Call("api", "POST", ("/api/hdr-image-group",)),
    "upload-url": Call("api", "POST", ("/api/hdr-upload-url",)),
    "put": Call("storage", "PUT", ("/stager-uploads/{name}",)),
    "enhance": Call("api", "POST", ("/api/hdr-enhance",)),
    "group-get": Call("api", "GET", ("/api/hdr-image-group/{groupId}",)),
    "image": Call("api", "POST", ("/api/image",)),
    "stage": Call("api", "POST", ("/api/images/{imageId}/stage",)),
    "lawn": Call("api", "POST", ("/api/images/{imageId}/lawn-replace",)),
    "sky": Call("api", "POST", ("/api/images/{imageId}/sky-replace",)),
    "result-get": Call("storage", "GET", ("/stager-final-results/{name}", "/stager-resized/{name}")),
}

ALL = tuple(ENDPOINTS)
JSON = tuple(name for name, call in ENDPOINTS.items() if call.origin == "api")
# Nothing but an id or a URL of these leads back to a project.
WITH_PROJECT = ("projects", "group-create", "upload-url", "put", "enhance", "group-get", "result-get")


def endpoint_of(scope: Scope, origin: str) -> str | None:
    """The endpoint that a request is for; None for documentation pages and what doesn't exist."""
    route = route_of(scope["path"])
    for name, call in ENDPOINTS.items():
        if call.origin == origin and call.method == scope["method"] and route in call.routes:
            return name
    return None
