"""What would happen: any folder in an inbox as the rules in force take it, before anything is sent."""

from __future__ import annotations

from functools import partial

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hotfolder.control.outlook import folder_choices, rules_in_force
from hotfolder.page.held import known_place, still_reading, viewed
from hotfolder.page.rendering import render
from hotfolder.page.site import site_of


async def outlook(request: Request) -> Response:
    """The folders to choose from, and what would be made of the one that was chosen."""
    site, known = site_of(request), request.query_params.get("folder", "")
    current = site.settings()
    view = None
    if known:
        settings, place = await known_place(request, known)
        view = await site.photos.soon(known, partial(viewed, settings, place, ()))
        if view is None:
            return await still_reading(request, place)
    return render(
        request,
        "outlook.html",
        folders=await to_thread.run_sync(folder_choices, current.settings),
        known=known,
        view=view,
        rules=rules_in_force(current.settings),
        error=current.error,
        file=site.config.name,
    )


ROUTES = (Route("/outlook", outlook, methods=["GET"]),)
