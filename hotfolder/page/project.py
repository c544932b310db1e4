"""Project: all its pictures, what it cost, and its pictures as a ZIP."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hotfolder.control.rooms import project_view
from hotfolder.page.rendering import request_language
from hotfolder.page.showing import current, live_page, looked_up
from hotfolder.page.zipping import TooMuch, zip_of, zip_response
from hotfolder.words import word


async def project(request: Request) -> Response:
    stamp = await current(request)
    view = await looked_up(request, project_view, request.path_params["known"])
    return live_page(request, "project.html", stamp, view=view)


async def download(request: Request) -> Response:
    """The chosen pictures, in the size that is asked for."""
    asked = request.query_params
    picks, rendition = asked.getlist("pick"), asked.get("rendition", "")
    known = request.path_params["known"]
    language = request_language(request)
    try:
        found = await looked_up(request, zip_of, known, picks, rendition)
    except TooMuch:
        raise HTTPException(413, word(language, "project.too_much")) from None
    if not found.entries:
        raise HTTPException(404, word(language, "project.nothing_chosen"))
    return zip_response(request, found)


ROUTES = (
    Route("/project/{known}", project, methods=["GET"]),
    Route("/project/{known}/zip", download, methods=["GET"]),
)
