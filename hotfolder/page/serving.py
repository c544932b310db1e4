"""Files that are served: the page's own style and script; pictures and thumbnails, by opaque id."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import BinaryIO
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from hotfolder.blocking import call_in_thread
from hotfolder.control.gallery import page_parts
from hotfolder.control.lookup import OpenPicture, find_picture, open_picture
from hotfolder.display import visible
from hotfolder.errors import UnusablePhoto
from hotfolder.page.reading import Edge, Thumbnails
from hotfolder.page.security import PublicRoute
from hotfolder.page.site import site_of
from hotfolder.page.templating import query_control

ICON = "icon.svg"
MEDIA_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@dataclass(frozen=True, slots=True)
class StaticFile:
    content: bytes
    media_type: str
    etag: str


@cache
def static_files() -> dict[str, StaticFile]:
    """Every file of static/ and those that a gallery's page refers to, by name."""
    folder = resources.files("hotfolder.page").joinpath("static")
    contents = {file.name: file.read_bytes() for file in folder.iterdir()} | page_parts()
    found = {}
    for name, content in contents.items():
        kind = MEDIA_TYPES.get(name[name.rfind(".") :])
        if kind:
            found[name] = StaticFile(content, kind, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
    return found


async def static(request: Request) -> Response:
    file = static_files().get(request.path_params.get("name", ICON))
    if file is None:
        raise HTTPException(404)
    headers = {"ETag": file.etag, "Cache-Control": "no-cache"}
    if etag_matches(request.headers.get("if-none-match", ""), file.etag):
        return Response(status_code=304, headers=headers)
    return Response(file.content, headers=headers, media_type=file.media_type)


def etag_matches(asked: str, etag: str) -> bool:
    """Whether the If-None-Match header `asked` names this version."""
    return any(one.strip().removeprefix("W/") in (etag, "*") for one in asked.split(","))


CHUNK_BYTES = 256 * 1024
RANGE = re.compile(r"bytes=(\d{1,15})?-(\d{1,15})?\Z")
"""A single range. A request for several is answered with the whole file."""
CACHING = {"Cache-Control": "private, no-cache"}


async def picture(request: Request) -> Response:
    """A picture's file; with `?download=1`, as an attachment with its name."""
    there = await open_picture_or_404(request, request.path_params["known"])
    return picture_response(request, there, download="download" in request.query_params)


async def thumb(request: Request) -> Response:
    """A JPEG thumbnail of a picture of any format."""
    known = request.path_params["known"]
    edge = Edge.SCREEN if request.query_params.get("size") == "screen" else Edge.CARD
    return await thumb_response(request, known, await open_picture_or_404(request, known), edge)


async def open_picture_or_404(request: Request, known: str) -> OpenPicture:
    """Open the picture of that id. Raises HTTPException (404) where there is none."""
    place = await query_control(request, find_picture, known)
    there = await call_in_thread(place.paths[0], open_picture, place) if place is not None else None
    if there is None:
        raise HTTPException(404)
    return there


def picture_response(request: Request, there: OpenPicture, *, download: bool = False) -> Response:
    """A picture's file or the requested range of it; its descriptor is closed at the end. Unless it is for
    `download`, raises HTTPException (404) for a type that browsers don't show."""
    headers = download_header(there.path.name) if download else {}
    try:
        if not there.kind and not download:
            raise HTTPException(404)
        status, part = conditional_range(request, there.version, there.size_bytes, headers)
    except HTTPException:
        os.close(there.descriptor)
        raise
    if status == 304:
        os.close(there.descriptor)
        return Response(status_code=status, headers=headers)
    file = os.fdopen(there.descriptor, "rb", buffering=0)
    return StreamingResponse(
        read_range(file, part), status, headers, there.kind or "application/octet-stream"
    )


def download_header(name: str) -> dict[str, str]:
    """The Content-Disposition header with which a browser saves the response under that name."""
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(visible(name), safe='')}"}


def conditional_range(
    request: Request, version: str, size: int, headers: dict[str, str]
) -> tuple[int, range]:
    """Evaluate If-None-Match, Range and If-Range: the response's status, and which of `size` bytes it has.
    Adds to `headers`. Raises HTTPException (416) where the requested range isn't satisfiable."""
    etag, part = f'"{version}"', range(size)
    headers |= {**CACHING, "ETag": etag, "Accept-Ranges": "bytes"}
    if etag_matches(request.headers.get("if-none-match", ""), etag):
        return 304, range(0)
    asked = request.headers.get("range", "")
    if asked and request.headers.get("if-range", etag) == etag:
        found = parse_range(asked, size)
        if found is None:
            raise HTTPException(416, headers={"Content-Range": f"bytes */{size}"})
        part = found
    headers["Content-Length"] = str(len(part))
    status = 200 if len(part) == size else 206
    if status == 206:
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    return status, part if request.method == "GET" else range(0)


def parse_range(asked: str, size: int) -> range | None:
    """The range that a Range header requests; the whole file where it is malformed or has several ranges,
    None where it isn't satisfiable."""
    told = RANGE.match(asked)
    if told is None or not (told[1] or told[2]):
        return range(size)
    if not told[1]:
        return range(max(0, size - int(told[2])), size) if int(told[2]) else None
    first, last = int(told[1]), min(int(told[2]) if told[2] else size - 1, size - 1)
    if first >= size:
        return None
    return range(first, last + 1) if first <= last else range(size)


def read_range(file: BinaryIO, part: range) -> Iterator[bytes]:
    """Yield the bytes `part` of an open file, which is closed at the end. Raises OSError if it has shrunk."""
    with file:
        file.seek(part.start)
        left = len(part)
        while left:
            piece = file.read(min(CHUNK_BYTES, left))
            if not piece:
                raise OSError("the file has become shorter")
            left -= len(piece)
            yield piece


async def thumb_response(request: Request, known: str, there: OpenPicture, edge: Edge) -> Response:
    """The thumbnail of a picture, whose descriptor is closed; 404 where it can't be shown."""
    os.close(there.descriptor)
    name = Thumbnails.name_of(known, there, edge)
    headers = {**CACHING, "ETag": f'"{name}"'}
    if etag_matches(request.headers.get("if-none-match", ""), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    try:
        content = await site_of(request).thumbnails.get(name, there.path, edge, there.roots)
    except UnusablePhoto:
        raise HTTPException(404) from None
    return Response(content, headers=headers, media_type="image/jpeg")


ROUTES = (
    PublicRoute("/static/{name}", static, methods=["GET"]),
    # Browsers request it for responses that name no icon: a gallery, a picture.
    PublicRoute("/favicon.ico", static, methods=["GET"]),
    Route("/picture/{known}", picture, methods=["GET"]),
    Route("/thumb/{known}", thumb, methods=["GET"]),
)
