"""A held shoot or room: its sets to review, regroup and approve, with their price; and a preview of what
would happen to any folder in an inbox, before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from urllib.parse import urlencode

from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hotfolder.config.rulebooks import rules_in_force
from hotfolder.config.settings import Settings
from hotfolder.control.held import DraftRefused, DraftSet, HeldView, approve_held, look_at, place_by_id
from hotfolder.control.lookup import PhotoPlace, folder_choices, inboxes_away
from hotfolder.errors import UsageError
from hotfolder.page.actions import Action
from hotfolder.page.security import MOST_FIELDS, fields_of
from hotfolder.page.site import confirm_terms, parse_number, settings_of, site_of, with_settings_error
from hotfolder.page.templating import render, request_language
from hotfolder.rules.foldernames import free_name
from hotfolder.words import word

NEW_SET = "new"
MOST_QUERY_LETTERS = 7000
"""The longest draft that is kept in a URL: proxies refuse URLs of 8 kB."""


@dataclass
class ReviewForm:
    """A posted form: the sets as the page shows them, the keys of the photos that were picked, and the
    action: a verb with the index of a set and the paid calls that were shown for it."""

    sets: list[DraftSet] = field(default_factory=list)
    picked: set[str] = field(default_factory=set)
    move_target: str = ""
    verb: str = "look"
    set_index: int | None = None
    calls: str = ""


def read_form(fields: Iterable[tuple[str, str]]) -> ReviewForm:
    """Parse a form or query."""
    form = ReviewForm()
    for name, value in fields:
        if name == "name":
            form.sets.append(DraftSet(value.strip(), ()))
        elif name == "photos" and form.sets:
            form.sets[-1] = form.sets[-1]._replace(photos=tuple(value.split()))
        elif name == "pick":
            form.picked.add(value)
        elif name == "to":
            form.move_target = value
        elif name == "do":
            form.verb, _, rest = value.partition(" ")
            place, _, form.calls = rest.partition(" ")
            form.set_index = parse_number(place)
    return form


def apply_action(form: ReviewForm, language: str) -> list[DraftSet]:
    """The sets after the form's action, without empty ones. Raises UsageError where no photo was picked, and
    HTTPException (400) for a target that doesn't exist."""
    sets = list(form.sets)
    if form.verb == "join" and form.set_index is not None and 0 < form.set_index < len(sets):
        below = sets.pop(form.set_index)
        above = sets[form.set_index - 1]
        sets[form.set_index - 1] = above._replace(photos=above.photos + below.photos)
    elif form.verb == "move":
        moved = tuple(key for one in sets for key in one.photos if key in form.picked)
        if not moved:
            raise UsageError(word(language, "held.none_picked"))
        sets = [
            one._replace(photos=tuple(key for key in one.photos if key not in form.picked)) for one in sets
        ]
        if form.move_target == NEW_SET:
            first = next(number for number, one in enumerate(form.sets) if set(one.photos) & form.picked)
            name = free_name(sets[first].name, [one.name for one in sets])
            sets.insert(first + 1, DraftSet(name, moved))
        elif (to := parse_number(form.move_target)) is not None and to < len(sets):
            sets[to] = sets[to]._replace(photos=sets[to].photos + moved)
        else:
            raise HTTPException(400)
    return [one for one in sets if one.photos]


async def review(request: Request) -> Response:
    """The review page: the sets as proposed, or as drafted in the URL; or the progress while their photos are
    being read."""
    known, draft = request.path_params["known"], read_form(request.query_params.multi_items()).sets
    settings, place = await settings_and_folder(request, known)
    reader = site_of(request).photos
    try:
        view = await reader.run_briefly(request.url.query + known, partial(look_at, settings, place, draft))
    except UsageError as error:  # the draft is of other photos than those there now
        view = await reader.run(partial(look_at, settings, place, ()))
        return review_page(
            request, view, refused=f"{error.message} {word(request_language(request), 'held.anew')}"
        )
    if view is None:  # its photos are still being read
        return await reading_progress(request, place)
    return review_page(request, view)


async def change(request: Request) -> Response:
    """Move, split, join and rename sets, as a draft that is kept in the URL; or approve them."""
    fields = await fields_of(request, MOST_FIELDS)
    form = read_form(fields.multi_items())
    settings, place = await settings_and_folder(request, request.path_params["known"])
    site = site_of(request)
    if form.verb != "approve":
        try:
            return await redirect_to_draft(request, apply_action(form, request_language(request)))
        except UsageError as error:
            view = await site.photos.run(partial(look_at, settings, place, form.sets))
            return review_page(request, view, refused=error.message)
    confirm_terms(request, fields)
    wanted = range(len(form.sets) or 1) if form.set_index is None else [form.set_index]
    try:
        async with site.moving_lock:
            await site.photos.run(partial(approve_held, settings, place, form.sets, wanted, form.calls))
    except DraftRefused as refused:
        return review_page(request, refused.view, status=409)  # with the problem beside its set
    left = [one for number, one in enumerate(form.sets) if number not in wanted]
    if left:
        return await redirect_to_draft(request, left, told="approved")
    return RedirectResponse(f"/project/{place.project_id}?told=approved", 303)


async def redirect_to_draft(request: Request, sets: Sequence[DraftSet], **told: str) -> Response:
    """A redirect to the review page with these sets in its URL; the page itself if that URL is too long."""
    fields = [*told.items()]
    for one in sets:
        fields += [("name", one.name), ("photos", " ".join(one.photos))]
    query = urlencode(fields)
    if len(query) <= MOST_QUERY_LETTERS:
        return RedirectResponse(f"/held/{request.path_params['known']}?{query}", 303)
    settings, place = await settings_and_folder(request, request.path_params["known"])
    return review_page(request, await site_of(request).photos.run(partial(look_at, settings, place, sets)))


async def settings_and_folder(request: Request, known: str) -> tuple[Settings, PhotoPlace]:
    """The folder of that id, with the current settings. Raises Unknown."""
    settings = settings_of(request)
    return settings, await to_thread.run_sync(place_by_id, settings, known)


async def reading_progress(request: Request, place: PhotoPlace) -> Response:
    done, total = await to_thread.run_sync(site_of(request).photos.progress, place)
    return render(request, "reading.html", headers={"Refresh": "2"}, place=place, done=done, total=total)


def review_page(request: Request, view: HeldView, *, refused: str = "", status: int = 200) -> Response:
    template = "held_room.html" if view.place.folder else "held.html"
    status = 400 if refused else status
    seen = with_settings_error(request, view.seen)
    return render(request, template, status=status, view=view, seen=seen, refused=refused)


async def preview(request: Request) -> Response:
    """The folders to choose from, and a preview of the chosen one."""
    site, known = site_of(request), request.query_params.get("folder", "")
    current = site.on_disk.current()
    view = None
    if known:
        settings, place = await settings_and_folder(request, known)
        view = await site.photos.run_briefly(known, partial(look_at, settings, place, ()))
        if view is None:  # its photos are still being read
            return await reading_progress(request, place)
    return render(
        request,
        "preview.html",
        folders=await to_thread.run_sync(folder_choices, current.settings),
        away=await to_thread.run_sync(inboxes_away, current.settings),
        known=known,
        view=view,
        rules=rules_in_force(current.settings),
        error=current.error,
        file=site.config.name,
    )


ROUTES = (
    Route("/held/{known}", review, methods=["GET"]),
    Action("/held/{known}", change),
    Route("/preview", preview, methods=["GET"]),
)
