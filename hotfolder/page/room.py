"""Room: one set with its exposures, pictures, receipt and history, and what can be done about it."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hotfolder.control.anew import Offer, offer, tags_for
from hotfolder.control.ids import project_id
from hotfolder.control.rooms import Frame, set_view
from hotfolder.page.rendering import render
from hotfolder.page.showing import counted, current, live_page, looked_up
from hotfolder.rules.tags import FAMILIES


async def room(request: Request) -> Response:
    stamp = await current(request)
    view = await looked_up(request, set_view, request.path_params["job"])
    card, frames = view.room.card, view.room.frames
    before, after = compared(frames, request.query_params.get("before"), request.query_params.get("after"))
    return live_page(
        request,
        "set.html",
        stamp,
        view=view,
        card=card,
        project=project_id(card.inbox, card.project),
        before=before,
        after=after,
        newer=next((one for one in view.others if one.created_at > card.created_at), None),
    )


def compared(frames: Sequence[Frame], before: str | None, after: str | None) -> tuple[int, int]:
    """Which two frames are compared, by their numbers: as asked for, else the last alteration."""
    last = len(frames) - 1
    usual = max((number for number, one in enumerate(frames[:-1]) if one.kind != "altered"), default=0)
    numbers = {str(number): number for number in range(len(frames))}
    return numbers.get(before or "", usual), numbers.get(after or "", last)


async def pay_again(request: Request) -> Response:
    """The price, before anything is bought anew."""
    view = await looked_up(request, set_view, request.path_params["job"])
    return render(request, "pay_again.html", card=view.room.card, price=view.anew, counted=counted)


async def another(request: Request) -> Response:
    """The tags that there are, and with one of them its price."""
    job = request.path_params["job"]
    view = await looked_up(request, set_view, job)
    tags = await looked_up(request, tags_for, job)
    asked = request.query_params.get("tag", "")
    found: Offer | None = None
    if asked:
        found = await looked_up(request, offer, job, asked)
    groups = [(family, [tag for tag in tags if tag.startswith(f"{family}-")]) for family in FAMILIES]
    listed = {tag for _, some in groups for tag in some}
    groups.append(("own", [tag for tag in tags if tag not in listed]))
    return render(
        request,
        "another.html",
        card=view.room.card,
        groups=[(family, some) for family, some in groups if some],
        offer=found,
        counted=counted,
    )


ROUTES = (
    Route("/set/{job}", room, methods=["GET"]),
    Route("/set/{job}/pay-again", pay_again, methods=["GET"]),
    Route("/set/{job}/another", another, methods=["GET"]),
)
