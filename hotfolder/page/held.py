"""A held shoot or room: its sets to look at, to put together otherwise, and to approve, with their price."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from anyio import to_thread
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hotfolder.config.settings import Settings
from hotfolder.control.explain import Look
from hotfolder.control.held import DraftSet, HeldView, approve_held, look_at, place_known
from hotfolder.control.ids import project_id
from hotfolder.control.lookup import PhotoPlace
from hotfolder.errors import UsageError
from hotfolder.page.rendering import render, request_language
from hotfolder.page.site import site_of
from hotfolder.words import word

NEW = "new"
MOST_FIELDS = 20_000


@dataclass
class Form:
    """What was posted: the sets as they stand on the page, the keys of the photos that were picked, and what
    is to be done: a verb with the place of a set and the paid calls that were shown for it."""

    sets: list[DraftSet] = field(default_factory=list)
    picked: set[str] = field(default_factory=set)
    to: str = ""
    verb: str = "look"
    place: int | None = None
    calls: str = ""


def read_form(posted: FormData) -> Form:
    """Raises HTTPException for what no page of ours posts."""
    form = Form()
    for name, value in posted.multi_items():
        if not isinstance(value, str):
            raise HTTPException(400)
        if name == "name":
            form.sets.append(DraftSet(value.strip(), ()))
        elif name == "photos" and form.sets:
            form.sets[-1] = form.sets[-1]._replace(photos=tuple(value.split()))
        elif name == "pick":
            form.picked.add(value)
        elif name == "to":
            form.to = value
        elif name == "do":
            form.verb, _, rest = value.partition(" ")
            place, _, form.calls = rest.partition(" ")
            form.place = number_in(place)
    return form


def number_in(text: str) -> int | None:
    """The number that it is; None for what no page of ours posts."""
    return int(text) if re.fullmatch("[0-9]{1,6}", text) else None


def rearranged(form: Form, language: str) -> list[DraftSet]:
    """The sets as they are after what is to be done. Raises UsageError where nothing can be."""
    sets = list(form.sets)
    if form.verb == "join" and form.place is not None and 0 < form.place < len(sets):
        below = sets.pop(form.place)
        above = sets[form.place - 1]
        sets[form.place - 1] = above._replace(photos=above.photos + below.photos)
    elif form.verb == "move":
        moved = tuple(key for one in sets for key in one.photos if key in form.picked)
        if not moved:
            raise UsageError(word(language, "held.none_picked"))
        sets = [
            one._replace(photos=tuple(key for key in one.photos if key not in form.picked)) for one in sets
        ]
        if form.to == NEW:
            names = {one.name for one in sets}
            first = next(number for number, one in enumerate(form.sets) if set(one.photos) & form.picked)
            sets.insert(first + 1, DraftSet(another_name(sets[first].name, names), moved))
        elif (to := number_in(form.to)) is not None and to < len(sets):
            sets[to] = sets[to]._replace(photos=sets[to].photos + moved)
        else:
            raise HTTPException(400)
    return [one for one in sets if one.photos]


def another_name(name: str, taken: set[str]) -> str:
    """`name-b`, `name-c` …"""
    every = (f"{name}-{letter}" for letter in "bcdefghijklmnopqrstuvwxyz")
    return next((one for one in every if one not in taken), f"{name}-z")


async def show(request: Request) -> Response:
    """The sets as they are proposed; or how far their photos are read."""
    settings, place = await known_place(request, request.path_params["known"])
    work = partial(viewed, settings, place, ())
    view = await site_of(request).photos.soon(request.path_params["known"], work)
    if view is None:
        return await still_reading(request, place)
    return page(request, view, told="approved" if "approved" in request.query_params else "")


async def change(request: Request) -> Response:
    """The sets as a person moves, splits, joins and names them; nothing is kept of it. Or their approval."""
    form = read_form(await request.form(max_files=0, max_fields=MOST_FIELDS))
    settings, place = await known_place(request, request.path_params["known"])
    reader = site_of(request).photos
    if form.verb == "approve":
        wanted = range(len(form.sets) or 1) if form.place is None else [form.place]

        def approve(look: Look) -> None:
            approve_held(settings, place, form.sets, wanted, form.calls, look)

        await reader.run(approve)
        left = [one for number, one in enumerate(form.sets) if number not in wanted]
        view = await reader.run(partial(viewed, settings, place, left)) if left else None
        if view is not None and view.changed:
            return page(request, view, told="approved")  # what else was put together stays on the page
        if len(wanted) < len(form.sets):
            return RedirectResponse(f"/held/{request.path_params['known']}?approved", 303)
        project = project_id(place.inbox.title, place.project)
        return RedirectResponse(f"/project/{project}", 303)
    told, sets = "", form.sets
    try:
        sets = rearranged(form, request_language(request))
    except UsageError as error:
        told = error.message
    return page(request, await reader.run(partial(viewed, settings, place, sets)), refused=told)


def viewed(settings: Settings, place: PhotoPlace, draft: Sequence[DraftSet], look: Look) -> HeldView:
    return look_at(settings, place, draft, look)


async def known_place(request: Request, known: str) -> tuple[Settings, PhotoPlace]:
    """The folder of that id, with the settings in force. Raises Unknown."""
    settings = site_of(request).settings().settings
    return settings, await to_thread.run_sync(place_known, settings, known)


async def still_reading(request: Request, place: PhotoPlace) -> Response:
    done, total = await to_thread.run_sync(site_of(request).photos.progress, place)
    return render(request, "reading.html", headers={"Refresh": "2"}, place=place, done=done, total=total)


def page(request: Request, view: HeldView, *, told: str = "", refused: str = "") -> Response:
    template = "held.html" if view.shoot else "held_room.html"
    return render(request, template, status=400 if refused else 200, view=view, told=told, refused=refused)


ROUTES = (
    Route("/held/{known}", show, methods=["GET"]),
    Route("/held/{known}", change, methods=["POST"]),
)
