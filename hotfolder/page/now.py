"""Now: what arrives, what runs, what is finished."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from hotfolder.control.board import OVER
from hotfolder.page.rendering import VARY, request_language
from hotfolder.page.showing import current, live_page
from hotfolder.page.site import site_of

MOST_PROJECTS = 12
"""So many finished projects are shown with their pictures; older ones by their names."""


async def now(request: Request) -> Response:
    site = site_of(request)
    stamp = await current(request)
    seen = await site.live.board(stamp, site.settings().settings)
    rendered, state = site.live.rendered, request.state
    # All that decides how the page looks, but for what there is to see.
    asks = (request.url.query, request_language(request), state.role, state.may_act, state.protected)
    if asks in rendered:
        return HTMLResponse(rendered[asks], headers={"Vary": VARY})
    shown = [one for one in seen.projects if one.rank < OVER]
    finished = [one for one in seen.projects if one.rank == OVER]
    answer = live_page(
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
    if not request.url.query:
        rendered[asks] = bytes(answer.body)
    return answer


ROUTES = (Route("/", now, methods=["GET"]),)
