"""The views Now, Project and Room: what is arriving, running and finished, and the actions on a set."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from hotfolder.control.board import FINISHED, Frame, board
from hotfolder.control.offers import offer, tags_for
from hotfolder.control.rooms import all_projects, project_view, set_view
from hotfolder.page.site import parse_number, settings_of, site_of, with_settings_error
from hotfolder.page.templating import VARY, all_picked, query_control, render, request_language
from hotfolder.page.zipping import TooMuchForZip, zip_of, zip_response
from hotfolder.rules.kinds import FAMILIES
from hotfolder.words import word

MOST_PROJECTS = 12
"""How many finished projects Now shows; older ones are only in the list of all projects."""

MOST_NOTICES = 100


async def now(request: Request) -> Response:
    live, state = site_of(request).live, request.state
    # A page's stamp is read before its data, so that no later change is missed.
    stamp = await live.stamp()
    if request.url.query:
        return await now_page(request, stamp)
    # Everything that the rendered page depends on.
    key = (stamp, request_language(request), state.role, state.may_act, state.protected)

    async def made() -> bytes:
        return bytes((await now_page(request, stamp)).body)

    return HTMLResponse(await live.cached(key, made), headers={"Vary": VARY})


async def now_page(request: Request, stamp: str) -> HTMLResponse:
    seen = await query_control(request, board)
    shown = [one for one in seen.projects if one.rank < FINISHED]
    finished = [one for one in seen.projects if one.rank == FINISHED]
    return render(
        request,
        "now.html",
        stamp=stamp,
        board=seen,
        seen=with_settings_error(request, seen.seen),
        projects=[*shown, *finished[:MOST_PROJECTS]],
        older=len(finished) > MOST_PROJECTS,
        most_notices=MOST_NOTICES,
        # A set that a person cancelled needs no attention.
        attention=len(seen.seen.needing_person) + sum(not one.cancelled_by for one in seen.seen.failed),
    )


async def project(request: Request) -> Response:
    stamp = await site_of(request).live.stamp()
    number = parse_number(request.query_params.get("page", "")) or 1
    view = await query_control(request, project_view, request.path_params["known"], number)
    seen = with_settings_error(request, view.seen)
    return render(request, "project.html", stamp=stamp, view=view, seen=seen, picked=all_picked(request))


async def projects(request: Request) -> Response:
    """The names of all projects with a job or a waiting set; `?q=` filters them."""
    wanted = request.query_params.get("q", "").strip()
    found = await query_control(request, all_projects, wanted)
    several = len(settings_of(request).all_inboxes()) > 1
    return render(request, "projects.html", projects=found, wanted=wanted, several_inboxes=several)


async def download(request: Request) -> Response:
    """The chosen pictures as a ZIP, in the requested size."""
    asked, language = request.query_params, request_language(request)
    picks, rendition = asked.getlist("pick"), asked.get("rendition", "")
    try:
        found = await query_control(request, zip_of, request.path_params["known"], picks, rendition)
    except TooMuchForZip:
        raise HTTPException(413, word(language, "project.too_much")) from None
    if not found.entries:
        raise HTTPException(404, word(language, "project.nothing_chosen"))
    return zip_response(request, found)


async def room(request: Request) -> Response:
    stamp = await site_of(request).live.stamp()
    view = await query_control(request, set_view, request.path_params["job"])
    card = view.card
    before, after = frames_to_compare(
        card.frames, request.query_params.get("before"), request.query_params.get("after")
    )
    newer = next((one for one in view.others if one.created_at > card.created_at), None)
    seen = with_settings_error(request, view.seen)
    return render(
        request,
        "set.html",
        stamp=stamp,
        view=view,
        seen=seen,
        card=card,
        before=before,
        after=after,
        newer=newer,
    )


def frames_to_compare(frames: Sequence[Frame], before: str | None, after: str | None) -> tuple[int, int]:
    """The indexes of the two frames to compare: as requested, else the last unaltered one and the last."""
    last = len(frames) - 1
    usual = max((number for number, one in enumerate(frames[:-1]) if one.kind != "altered"), default=0)
    numbers = {str(number): number for number in range(len(frames))}
    return numbers.get(before or "", usual), numbers.get(after or "", last)


async def pay_again(request: Request) -> Response:
    """The price of buying again, before anything is bought."""
    view = await query_control(request, set_view, request.path_params["job"])
    return render(request, "pay_again.html", view=view, card=view.card)


async def another_version(request: Request) -> Response:
    """The available tags, and the price of the chosen one."""
    job, asked = request.path_params["job"], request.query_params.get("tag", "")
    view = await query_control(request, set_view, job)
    tags = await query_control(request, tags_for, job)
    found = await query_control(request, offer, job, asked) if asked else None
    groups: dict[str, list[str]] = {family: [] for family in (*FAMILIES, "own")}
    for tag in tags:
        groups[next((name for name, family in FAMILIES.items() if tag in family.tags), "own")].append(tag)
    return render(request, "another.html", card=view.card, groups=groups, offer=found)


ROUTES = (
    Route("/", now, methods=["GET"]),
    Route("/projects", projects, methods=["GET"]),
    Route("/project/{known}", project, methods=["GET"]),
    Route("/project/{known}/zip", download, methods=["GET"]),
    Route("/set/{job}", room, methods=["GET"]),
    Route("/set/{job}/pay-again", pay_again, methods=["GET"]),
    Route("/set/{job}/another", another_version, methods=["GET"]),
)
