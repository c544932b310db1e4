"""The set-up page, where a container has no settings yet. Nothing else is served, and the page only to those
who know the link in the log."""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
import uvicorn
from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hotfolder import log
from hotfolder.config.settings import PageSettings
from hotfolder.control.access import LEAST_LETTERS
from hotfolder.control.first import EVERYWHERE, STATE_VARIABLE, FirstSettings, problem_with, set_up
from hotfolder.display import with_hint
from hotfolder.errors import HotfolderError
from hotfolder.page.app import page_app, recorded_signals, server_of
from hotfolder.page.security import caller_of, fields_of, is_cross_site, refused_page
from hotfolder.page.serving import static
from hotfolder.page.signin import password_problem
from hotfolder.page.site import FirstToken, template_environment
from hotfolder.page.templating import render, request_language
from hotfolder.telemetry.web import listening
from hotfolder.words import word
from hotfolder.words.saying import translate

logger = log.get("page")

COOKIE = "hotfolder_setup"
LINGER_SECONDS = 3.0
"""How long the last page can still fetch its style."""


@dataclass
class SetupSite:
    """What the views need. `root` is the proposed folder; `state` is None where it is to be below that;
    `with_page`: a password is required, since the page is served afterwards. `done`: all is written."""

    config: Path
    environ: Mapping[str, str]
    root: Path
    state: Path | None
    with_page: bool
    token: FirstToken = field(default_factory=FirstToken)
    templates: jinja2.Environment = field(default_factory=template_environment)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def state_below(self, root: Path) -> Path:
        said = self.environ.get(STATE_VARIABLE, "").strip() or self.state or "state"
        return root / said


def serve_setup(site: SetupSite, port: int) -> int | None:
    """Serve until the settings are written, and return None; or until a signal, and return the exit code.
    Raises LocalTrouble where the port can't be bound."""
    listener = listening("The set-up page", EVERYWHERE, port, "with HOTFOLDER_SETUP_PORT")
    server = server_of(setup_app(site))
    with listener, recorded_signals(server) as signals:
        link = f"http://THIS-MACHINE:{listener.getsockname()[1]}/setup/{site.token.token}"
        logger.warning("settings_missing", meaning="Open this page in a browser to set it up.", open=link)

        async def served() -> None:
            ending = asyncio.create_task(end_when_done(server, site))
            await server.serve(sockets=[listener])
            ending.cancel()

        asyncio.run(served())
    if signals:
        return 130 if signal.SIGINT in signals else 0
    logger.info("settings_written", config=site.config.name)
    return None


async def end_when_done(server: uvicorn.Server, site: SetupSite) -> None:
    await site.done.wait()
    await asyncio.sleep(LINGER_SECONDS)
    server.should_exit = True


def setup_app(site: SetupSite) -> Starlette:
    routes = [
        Route("/setup/{token}", show_form, methods=["GET"]),
        Route("/setup/{token}", submit, methods=["POST"]),
        Route("/static/{name}", static_file, methods=["GET"]),
    ]
    return page_app(site, routes, check_same_site)


async def check_same_site(request: Request) -> Response | None:
    """Refuse requests of other sites. The host name isn't checked: the token from the log is enough."""
    request.state.caller = caller = caller_of(request.scope, PageSettings())
    if is_cross_site(caller, request.headers, request.method):
        return refused_page(request, "refused.site")
    return None


async def show_form(request: Request) -> Response:
    site = site_by_token(request)
    response = form_page(request, str(site.root), "")
    response.set_cookie(COOKIE, site.token.token, httponly=True, samesite="strict")
    return response


async def submit(request: Request) -> Response:
    """Check and write the settings, and show that hotfolder starts; or show the form with the problem."""
    site, language = site_by_token(request), request_language(request)
    fields = await fields_of(request)
    root, key = fields.get("root", "").strip(), fields.get("key", "").strip()
    if site.with_page and (problem := password_problem(request, fields)):
        return form_page(request, root, problem, at="password")
    async with site.writing:
        site_by_token(request)  # another request may have used the token meanwhile
        name = request.state.caller.name
        first = FirstSettings(Path(root), site.state_below(Path(root)), key, fields.get("password", ""), name)
        try:
            wrong = await problem_with(site.config, site.environ, first)
            if wrong is not None:
                at = "root" if wrong == "folder_wrong" else "key"
                return form_page(request, root, word(language, f"setup.{wrong}"), at=at)
            await to_thread.run_sync(set_up, site.config, site.environ, first)
        except HotfolderError as error:
            return form_page(request, root, translate(language, with_hint(error.message, error.hint)))
        site.token.used = True
        site.done.set()
    return render(request, "setup_done.html", with_page=site.with_page)


def site_by_token(request: Request) -> SetupSite:
    """The site. Raises HTTPException (404) unless the URL has the token from the log."""
    site = site_of(request)
    if not site.token.matches(request.path_params["token"]):
        raise HTTPException(404)
    return site


async def static_file(request: Request) -> Response:
    """The page's style, for a browser with the cookie of the set-up page."""
    token = site_of(request).token.token
    if not secrets.compare_digest(request.cookies.get(COOKIE, "").encode(), token.encode()):
        raise HTTPException(404)
    return await static(request)


def site_of(request: Request) -> SetupSite:
    site: SetupSite = request.app.state.site
    return site


def form_page(request: Request, root: str, problem: str, *, at: str = "key") -> Response:
    """The form; `at` is the name of the field with the `problem`, which gets the focus."""
    return render(
        request,
        "setup.html",
        status=422 if problem else 200,
        root=root,
        problem=problem,
        at=at,
        with_page=site_of(request).with_page,
        least=LEAST_LETTERS,
    )
