"""The set-up page, where a container has no settings yet. Nothing else is served, and the page only to those
who know the link in the log.

After a problem a redirect leads back to the form, so that the browser's Back and a reload send nothing.
What was entered is kept in this process: no page holds the key or the password, and nobody types them again.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import jinja2
import uvicorn
from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
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
from hotfolder.words.saying import ENGLISH, translate

logger = log.get("page")

COOKIE = "hotfolder_setup"
LINGER_SECONDS = 3.0
"""How long the last page can still fetch its style."""


@dataclass(frozen=True, slots=True)
class Entered:
    """What the form has, "" for a secret that isn't kept; and the problem with it in a language, "" if none,
    at the field `at`, which gets the focus."""

    root: str
    key: str = ""
    password: str = ""
    at: str = "key"
    problem: Callable[[str], str] = lambda _: ""

    def but(self, at: str, problem: Callable[[str], str]) -> Entered:
        """The same with a problem, without the secret that is to be entered again."""
        key = "" if at == "key" else self.key
        password = "" if at == "password" else self.password
        return Entered(self.root, key, password, at, problem)


@dataclass
class SetupSite:
    """What the views need. `root` is the proposed folder; `state` is None where it is to be below that;
    `with_page`: a password is required, since the page is served afterwards. `done`: all is written."""

    config: Path
    environ: Mapping[str, str]
    root: Path
    state: Path | None
    with_page: bool
    entered: Entered = field(init=False)
    token: FirstToken = field(default_factory=FirstToken)
    templates: jinja2.Environment = field(default_factory=template_environment)
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.entered = Entered(str(self.root))

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
    entered = site.entered
    response = render(
        request,
        "setup.html",
        root=entered.root,
        kept=[name for name in ("key", "password") if getattr(entered, name)],
        problem=entered.problem(request_language(request)),
        at=entered.at,
        with_page=site.with_page,
        least=LEAST_LETTERS,
    )
    response.set_cookie(COOKIE, site.token.token, httponly=True, samesite="strict")
    return response


async def submit(request: Request) -> Response:
    """Write the settings, and show that hotfolder starts; or redirect to the form, which says the problem."""
    site = site_by_token(request)
    fields = await fields_of(request)
    async with site.writing:
        site_by_token(request)  # another request may have used the token meanwhile
        site.entered = await checked(request, site, fields)
        if site.entered.problem(ENGLISH):
            return RedirectResponse(request.url.path, 303)
        site.token.used = True
        site.entered = Entered("")
        site.done.set()
    return render(request, "setup_done.html", with_page=site.with_page)


async def checked(request: Request, site: SetupSite, fields: Mapping[str, str]) -> Entered:
    """What the form has now, with its problem; without one, the settings are written."""
    now = Entered(
        fields.get("root", "").strip(),
        fields.get("key", "").strip() or site.entered.key,
        fields.get("password", "") or site.entered.password,
    )
    chosen = fields.get("password") or fields.get("again") or not now.password
    if site.with_page and chosen and (problem := password_problem(fields)) is not None:
        return now.but("password", problem)
    name, root = request.state.caller.name, Path(now.root)
    first = FirstSettings(root, site.state_below(root), now.key, now.password, name)
    try:
        wrong = await problem_with(site.config, site.environ, first)
        if wrong is not None:
            at = "root" if wrong == "folder_wrong" else "key"
            return now.but(at, lambda language: word(language, f"setup.{wrong}"))
        await to_thread.run_sync(set_up, site.config, site.environ, first)
    except HotfolderError as error:
        told = with_hint(error.message, error.hint)
        return now.but("root", lambda language: translate(language, told))
    return now


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
