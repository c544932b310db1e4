"""Now: what arrives, what runs, what is finished."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hotfolder.control.board import OVER
from hotfolder.page.showing import current, live_page
from hotfolder.page.site import site_of

MOST_PROJECTS = 12
"""So many finished projects are shown with their pictures; older ones by their names."""


async def now(request: Request) -> Response:
    site = site_of(request)
    stamp = await current(request)
    seen = await site.live.board(stamp, site.settings().settings)
    shown = [one for one in seen.projects if one.rank < OVER]
    finished = [one for one in seen.projects if one.rank == OVER]
    return live_page(
        request,
        "now.html",
        stamp,
        board=seen,
        projects=[*shown, *finished[:MOST_PROJECTS]],
        older=finished[MOST_PROJECTS:],
        running=len(seen.seen.running),
        waiting=len(seen.seen.waiting),
        attention=len(seen.seen.needing_person) + len(seen.seen.failed),
        settings_error=site.settings().error or seen.seen.settings_error,
    )


ROUTES = (Route("/", now, methods=["GET"]),)
