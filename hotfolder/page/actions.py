"""What is asked for on Now, Project and Room: forms that are posted, each answered with where to go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hotfolder.config.settings import Settings
from hotfolder.control import actions
from hotfolder.control.anew import another
from hotfolder.control.opening import Installation, opened
from hotfolder.control.rooms import known_project, known_set
from hotfolder.page.security import SESSION_COOKIE
from hotfolder.page.site import site_of
from hotfolder.telemetry.overview import overview

TWICE_SECONDS = 2.0
"""The same form of one browser within so long was sent by a second click."""
MOST_REMEMBERED = 100
BY = "somebody at the page"
PAUSED = "paused at the page"
MOST_FIELDS = 20

P = ParamSpec("P")
T = TypeVar("T")


class Action(Route):
    """A route for forms of the page. What is sent twice by two clicks is done once, and answered twice."""

    def __init__(self, path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> None:
        super().__init__(path, partial(once, endpoint), methods=["POST"])


async def once(endpoint: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
    """The endpoint's answer; the one to the form before where this one is the same."""
    sent, browser = site_of(request).sent, request.cookies.get(SESSION_COOKIE, "")
    form, now = (request.url.path, hash(await request.body())), time.monotonic()
    before, answer, at = sent.pop(browser, (None, None, now))
    if answer is None or form != before or (answer.done() and now - at > TWICE_SECONDS):
        # It goes on where the browser goes away meanwhile.
        answer, at = asyncio.ensure_future(endpoint(request)), now
    sent[browser] = (form, answer, at)
    while len(sent) > MOST_REMEMBERED:
        sent.pop(next(iter(sent)))
    return await asyncio.shield(answer)


async def asked(
    request: Request,
    action: Callable[Concatenate[Installation, P], T],
    *args: P.args,
    **named: P.kwargs,
) -> T:
    """Do it, as a command does; what it raises becomes a page. It is done even when the browser goes away."""
    site = site_of(request)
    return await to_thread.run_sync(
        partial(_done, site.config, site.settings().settings, action, *args, **named)
    )


def _done(
    config: Path,
    in_force: Settings,
    action: Callable[Concatenate[Installation, P], T],
    *args: P.args,
    **named: P.kwargs,
) -> T:
    with opened(config, in_force) as installation:
        return action(installation, *args, **named)


async def field(request: Request, name: str) -> str:
    """A field of the form; "" where it lacks it."""
    form = await request.form(max_files=0, max_fields=MOST_FIELDS)
    found = form.get(name)
    return found.strip() if isinstance(found, str) else ""


async def moved(
    request: Request,
    action: Callable[Concatenate[Installation, str, P], T],
    job: str,
    *args: P.args,
    **named: P.kwargs,
) -> T:
    """As `asked`, for what moves a set's files: one at a time, since a form may be sent twice."""
    async with site_of(request).moving:
        return await asked(request, action, job, *args, **named)


def back(path: str, told: str) -> Response:
    return RedirectResponse(f"{path}?told={told}", 303)


async def pause(request: Request) -> Response:
    await asked(request, actions.pause, PAUSED)
    return back("/", "pause")


async def resume(request: Request) -> Response:
    await asked(request, actions.resume)
    return back("/", "resume")


def _project(installation: Installation, known: str) -> tuple[str, str]:
    """Inbox and name of a project, of which nothing need have begun."""
    return known_project(installation, known, overview(installation.store, pid=None).lines)


def _cancel_project(installation: Installation, known: str) -> bool:
    inbox, project = _project(installation, known)
    return bool(actions.cancel(installation, project, by=BY, inbox=inbox).taken)


def _prioritise_project(installation: Installation, known: str, level: str) -> None:
    inbox, project = _project(installation, known)
    actions.prioritise(installation, project, level, by=BY, inbox=inbox)


def _cancel_set(installation: Installation, job: str) -> bool:
    return bool(actions.cancel(installation, known_set(installation, job), by=BY).taken)


def _prioritise_set(installation: Installation, job: str, level: str) -> None:
    actions.prioritise(installation, known_set(installation, job), level, by=BY)


async def cancel_project(request: Request) -> Response:
    known = request.path_params["known"]
    taken = await asked(request, _cancel_project, known)
    return back(f"/project/{known}", "cancel" if taken else "too_late")


async def prioritise_project(request: Request) -> Response:
    known = request.path_params["known"]
    await asked(request, _prioritise_project, known, await field(request, "level"))
    return back(f"/project/{known}", "priority")


async def cancel(request: Request) -> Response:
    job = request.path_params["job"]
    taken = await asked(request, _cancel_set, job)
    return back(f"/set/{job}", "cancel" if taken else "too_late")


async def prioritise(request: Request) -> Response:
    job = request.path_params["job"]
    await asked(request, _prioritise_set, job, await field(request, "level"))
    return back(f"/set/{job}", "priority")


async def retry(request: Request) -> Response:
    job = request.path_params["job"]
    await moved(request, actions.retry, job, pay_again=False)
    return back(f"/set/{job}", "retry")


async def pay_again(request: Request) -> Response:
    job = request.path_params["job"]
    put_back = await moved(request, actions.retry, job, pay_again=True)
    return back(f"/set/{job}", "another" if put_back.copied else "retry")


async def resolve(request: Request) -> Response:
    """The three answers: what it brought, that it was not charged, or that nobody wants to know any more."""
    job, answer = request.path_params["job"], await field(request, "answer")
    if answer == "give-up":
        await asked(request, actions.give_up, job)
        return back(f"/set/{job}", "given_up")
    if answer not in ("not-charged", "charged"):
        raise HTTPException(400)
    paid_result = await field(request, "address") if answer == "charged" else None
    await moved(request, actions.resolve, job, paid_result=paid_result)
    return back(f"/set/{job}", "resolved")


async def make_another(request: Request) -> Response:
    job = request.path_params["job"]
    put_back = await moved(request, another, job, await field(request, "tag"))
    return back(f"/set/{job}", "another" if put_back.copied else "retry")


ROUTES = (
    Action("/pause", pause),
    Action("/resume", resume),
    Action("/project/{known}/cancel", cancel_project),
    Action("/project/{known}/priority", prioritise_project),
    Action("/set/{job}/cancel", cancel),
    Action("/set/{job}/priority", prioritise),
    Action("/set/{job}/retry", retry),
    Action("/set/{job}/pay-again", pay_again),
    Action("/set/{job}/resolve", resolve),
    Action("/set/{job}/another", make_another),
)
