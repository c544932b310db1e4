"""Sharing: links to one project's gallery, and the gallery as it is seen by a link, without the password."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from hotfolder.blocking import call_in_thread
from hotfolder.control import gallery as control
from hotfolder.control.opening import Installation
from hotfolder.control.rooms import known_project
from hotfolder.page.actions import Action, run_action
from hotfolder.page.reading import Edge
from hotfolder.page.security import MOST_FIELDS, PublicRoute, fields_of
from hotfolder.page.serving import picture_response, thumb_response
from hotfolder.page.site import parse_number, settings_of
from hotfolder.page.templating import all_picked, query_control, render, request_language

EDGE_BY_SIZE = {"small": Edge.CARD, "large": Edge.SCREEN}


async def overview(request: Request, token: str = "", left_out: Sequence[str] = ()) -> Response:
    """The page of a project's pictures to share and its links; for a new link with `token`, its URL, which is
    never shown again. `left_out` are sentences about pictures missing from the gallery just made."""
    found = await query_control(request, control.sharing, request.path_params["known"])
    caller = request.state.caller
    own = f"{'https' if caller.https else 'http'}://{caller.host}"
    address = f"{own}/share/{token}/" if token else ""
    return render(
        request,
        "share.html",
        sharing=found,
        address=address,
        left_out=left_out,
        days=control.DAYS,
        picked=all_picked(request),
    )


async def make_link(request: Request) -> Response:
    """Create a link. The response is the page, no redirect, so that the link is in no URL of the browser's
    history."""
    form = await fields_of(request, MOST_FIELDS)
    chosen, days = form.getlist("picture"), parse_number(form.get("days", "")) or 0
    settings, known = settings_of(request), request.path_params["known"]
    token = await to_thread.run_sync(control.share, settings, known, chosen, days)
    return await overview(request, token)


async def revoke_link(request: Request) -> Response:
    known, link = request.path_params["known"], request.path_params["link"]
    await to_thread.run_sync(control.revoke, settings_of(request), known, link)
    return RedirectResponse(f"/project/{known}/share", 303)


async def make_gallery(request: Request) -> Response:
    """Write the static gallery in done/. The response is the page, no redirect, where it names pictures that
    are left out."""
    left_out = await run_action(request, _gallery, request.path_params["known"])
    if left_out:
        return await overview(request, left_out=left_out)
    return RedirectResponse(f"/project/{request.path_params['known']}/share?told=gallery", 303)


def _gallery(installation: Installation, known: str) -> Sequence[str]:
    """The sentences about pictures that are left out. Called in a thread, with its own event loop."""
    _, project = known_project(installation.store, known)
    return asyncio.run(control.gallery(installation, project)).left_out


async def gallery_of_token(request: Request) -> control.SharedGallery | control.EndedLink:
    """The gallery of the URL's token, or why there is none."""
    return await query_control(request, control.shared_gallery, request.path_params["token"])


def ended_page(request: Request, why: control.EndedLink) -> Response:
    """The page of a link that shows nothing: for a client of the studio, who has no business to sign in."""
    return render(request, "share_ended.html", status=404, why=why)


async def redirect_misspelt(request: Request) -> Response:
    """Redirect a link that has lost its final slash, or was copied with text that followed it in a message,
    such as a closing bracket."""
    found = re.fullmatch(r"([A-Za-z0-9_-]+)\W*", request.path_params["rest"])
    if found is None:
        return ended_page(request, "nowhere")
    return RedirectResponse(f"/share/{found[1]}/", 303)


async def shared_page(request: Request) -> Response:
    """The gallery's page."""
    gallery, language = await gallery_of_token(request), request_language(request)
    if isinstance(gallery, str):
        return ended_page(request, gallery)
    base = f"/share/{request.path_params['token']}/"
    page = await to_thread.run_sync(control.shared_page, gallery, language, base)
    return HTMLResponse(page, headers={"X-Robots-Tag": "noindex", "Vary": "Accept-Language, Cookie"})


async def picture(request: Request) -> Response:
    """A picture of the gallery in the requested size."""
    gallery, settings = await gallery_of_token(request), settings_of(request)
    if isinstance(gallery, str):
        return ended_page(request, gallery)
    size, name = request.path_params["size"], request.path_params["name"]
    edge = EDGE_BY_SIZE.get(size)
    wanted = f"{size}/{name}" if edge is None else name.removesuffix(".jpg")
    there = await call_in_thread(settings.done_folder, control.shared_picture, settings, gallery, wanted)
    if there is None:
        return ended_page(request, "gone")
    if edge is None:
        return picture_response(request, there, download=True)
    return await thumb_response(request, f"shared {wanted}", there, edge)


ROUTES = (
    Route("/project/{known}/share", overview, methods=["GET"]),
    Action("/project/{known}/share", make_link),
    Action("/project/{known}/share/{link}/revoke", revoke_link),
    Action("/project/{known}/gallery", make_gallery),
    PublicRoute("/share/{token}/", shared_page, methods=["GET"]),
    PublicRoute("/share/{token}/{size}/{name}", picture, methods=["GET"]),
    PublicRoute("/share/{rest:path}", redirect_misspelt, methods=["GET"]),
)
