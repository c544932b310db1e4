"""The page's own style and script, and those of a gallery that is shared."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hotfolder.control.gallery import page_parts
from hotfolder.page.security import PublicRoute

ICON = "icon.svg"
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    content: bytes
    kind: str
    etag: str


@cache
def static_files() -> dict[str, StaticFile]:
    """Every file of static/, and what a gallery's page refers to, by name."""
    folder = resources.files("hotfolder.page").joinpath("static")
    contents = {file.name: file.read_bytes() for file in folder.iterdir()} | page_parts()
    found = {}
    for name, content in contents.items():
        kind = KINDS.get(name[name.rfind(".") :])
        if kind:
            found[name] = StaticFile(content, kind, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
    return found


async def static(request: Request) -> Response:
    file = static_files().get(request.path_params.get("name", ICON))
    if file is None:
        raise HTTPException(404)
    headers = {"ETag": file.etag, "Cache-Control": "no-cache"}
    if matches(request.headers.get("if-none-match", ""), file.etag):
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=file.kind)


def matches(asked: str, etag: str) -> bool:
    """Whether an If-None-Match header names this version."""
    return any(one.strip().removeprefix("W/") in (etag, "*") for one in asked.split(","))


ROUTES = (
    PublicRoute("/static/{name}", static, methods=["GET"]),
    # Browsers ask for it beside pages that name no icon: a gallery, a picture.
    PublicRoute("/favicon.ico", static, methods=["GET"]),
)
