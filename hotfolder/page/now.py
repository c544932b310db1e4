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
MOST_LETTERS = 20


async def now(request: Request) -> Response:
    site = site_of(request)
    stamp = await current(request)
    seen = await site.live.board(stamp, site.settings().settings)
    rendered, asks = site.live.rendered, asking(request)
    if asks in rendered and "lang" not in request.query_params:
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
    if "lang" not in request.query_params:
        rendered[asks] = bytes(answer.body)
    return answer


def asking(request: Request) -> tuple[object, ...]:
    """All that decides how the page looks, but for what there is to see."""
    state = request.state
    told = request.query_params.get("told", "")
    return request_language(request), state.role, state.may_act, state.protected, told[:MOST_LETTERS]


ROUTES = (Route("/", now, methods=["GET"]),)
