"""Now: what arrives, what runs, what is finished."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hotfolder.page.rendering import render


def now(request: Request) -> Response:
    return render(request, "now.html")


ROUTES = (Route("/", now, methods=["GET"]),)
