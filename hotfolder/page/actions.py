"""The actions on Now, Project and Room: posted forms, most of them answered with a redirect."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from hotfolder.control import actions
from hotfolder.control.actions import another
from hotfolder.control.opening import Installation, opened
from hotfolder.control.rooms import known_project
from hotfolder.jobs.queries import job_named
from hotfolder.page import SESSION_COOKIE
from hotfolder.page.security import fields_of
from hotfolder.page.site import confirm_terms, settings_of, site_of
from hotfolder.telemetry.overview import overview

DOUBLE_CLICK_SECONDS = 2.0
"""The same form from one browser within this time counts as a double click."""
MOST_REMEMBERED = 100
BY = "somebody at the page"
PAUSE_REASON = "paused at the page"

P = ParamSpec("P")
T = TypeVar("T")


class Action(Route):
    """A route for the page's posted forms. A form that a double click sends twice is carried out once."""

    def __init__(self, path: str, endpoint: Callable[[Request], Awaitable[Response]]) -> None:
        super().__init__(path, partial(deduplicated, endpoint), methods=["POST"])


async def deduplicated(endpoint: Callable[[Request], Awaitable[Response]], request: Request) -> Response:
    """The endpoint's response; for a form sent twice, the response to the first one."""
    sent, browser = site_of(request).last_forms, request.cookies.get(SESSION_COOKIE, "")
    form, now = (request.url.path, hash(await request.body())), time.monotonic()
    before, answer, at = sent.pop(browser, (None, None, now))
    if answer is None or form != before or (answer.done() and now - at > DOUBLE_CLICK_SECONDS):
        # A task, so that it continues when the browser disconnects.
        answer, at = asyncio.ensure_future(endpoint(request)), now
    sent[browser] = (form, answer, at)
    while len(sent) > MOST_REMEMBERED:
        sent.pop(next(iter(sent)))
    return await asyncio.shield(answer)


async def run_action(
    request: Request,
    action: Callable[Concatenate[Installation, P], T],
    *args: P.args,
    **named: P.kwargs,
) -> T:
    """Run an action of `control` on the opened installation, in a thread. Its errors become error pages."""
    config, in_force = site_of(request).config, settings_of(request)

    def done() -> T:
        with opened(config, in_force) as installation:
            return action(installation, *args, **named)

    return await to_thread.run_sync(done)


async def run_moving_action(
    request: Request,
    action: Callable[Concatenate[Installation, str, P], T],
    *args: P.args,
    **named: P.kwargs,
) -> T:
    """As `run_action`, for an action that moves the files of the URL's set; only one runs at a time."""
    async with site_of(request).moving_lock:
        return await run_action(request, action, request.path_params["job"], *args, **named)


def redirect_back(request: Request, told: str) -> Response:
    """A redirect to the page that has the form; `told`: which text of `told.` says what was done."""
    return RedirectResponse(f"{request.url.path.rpartition('/')[0] or '/'}?told={told}", 303)


def target_of(installation: Installation, request: Request) -> dict[str, str]:
    """The keyword arguments of a command for the URL's set or project, which needs no jobs yet. Raises
    Unknown."""
    if "job" in request.path_params:
        return {"target": job_named(installation.store, request.path_params["job"]).id}
    lines = overview(installation.store, pid=None).lines
    inbox, project = known_project(installation.store, request.path_params["known"], lines)
    return {"target": project, "inbox": inbox}


def _cancel(installation: Installation, request: Request) -> str:
    found = actions.cancel(installation, **target_of(installation, request), by=BY)
    return ("cancel_begun" if found.arriving else "cancel") if found.taken else "too_late"


def _prioritise(installation: Installation, request: Request, level: str) -> None:
    actions.prioritise(installation, **target_of(installation, request), level=level, by=BY)


async def pause(request: Request) -> Response:
    await run_action(request, actions.pause, PAUSE_REASON)
    return RedirectResponse("/", 303)  # a banner there shows the pause


async def resume(request: Request) -> Response:
    await run_action(request, actions.resume)
    return redirect_back(request, "resume")


async def cancel(request: Request) -> Response:
    return redirect_back(request, await run_action(request, _cancel, request))


async def prioritise(request: Request) -> Response:
    fields = await fields_of(request)
    await run_action(request, _prioritise, request, fields.get("level", ""))
    return redirect_back(request, "priority")


async def retry(request: Request) -> Response:
    fields = await fields_of(request)
    confirm_terms(request, fields)
    await run_moving_action(request, actions.retry, pay_again=False, calls=fields.get("calls"))
    return redirect_back(request, "retry")


async def pay_again(request: Request) -> Response:
    fields = await fields_of(request)
    confirm_terms(request, fields)
    shown, calls = fields.get("generation"), fields.get("calls")
    put_back = await run_moving_action(request, actions.retry, pay_again=True, after=shown, calls=calls)
    return redirect_back(request, "another" if put_back.copied else "retry")


async def resolve(request: Request) -> Response:
    """Settle an unknown purchase: charged, with its result's address; not charged; or given up."""
    fields = await fields_of(request)
    answer = fields.get("answer")
    if answer == "give-up":
        await run_action(request, actions.give_up, request.path_params["job"])
        return redirect_back(request, "given_up")
    if answer not in ("not-charged", "charged"):
        raise HTTPException(400)
    confirm_terms(request, fields)
    paid_result = fields.get("address", "").strip() if answer == "charged" else None
    await run_moving_action(request, actions.resolve, paid_result=paid_result, calls=fields.get("calls"))
    return redirect_back(request, "resolved")


async def make_another(request: Request) -> Response:
    fields = await fields_of(request)
    confirm_terms(request, fields)
    put_back = await run_moving_action(request, another, fields.get("tag", ""), fields.get("calls"))
    return redirect_back(request, "another" if put_back.copied else "retry")


ROUTES = (
    Action("/pause", pause),
    Action("/resume", resume),
    Action("/project/{known}/cancel", cancel),
    Action("/project/{known}/priority", prioritise),
    Action("/set/{job}/cancel", cancel),
    Action("/set/{job}/priority", prioritise),
    Action("/set/{job}/retry", retry),
    Action("/set/{job}/pay-again", pay_again),
    Action("/set/{job}/resolve", resolve),
    Action("/set/{job}/another", make_another),
)
