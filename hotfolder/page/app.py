"""The application: every view's routes, what surrounds them, and the page of every error."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from hotfolder.errors import BadWorld, CommandHint, HotfolderError, StoreError, Unknown, UsageError
from hotfolder.page import actions, held, live, pictures, share, signin, static, views
from hotfolder.page.callers import SAFE_METHODS
from hotfolder.page.security import Guard, Refusal, refusal
from hotfolder.page.templating import error_page

ROUTES: tuple[BaseRoute, ...] = (
    *static.ROUTES,
    *signin.ROUTES,
    *pictures.ROUTES,
    *live.ROUTES,
    *views.ROUTES,
    *actions.ROUTES,
    *share.ROUTES,
    *held.ROUTES,
)
"""Of all views. A new module of views is added here, and its words in `words/`."""


def page_app(site: object, routes: Sequence[BaseRoute] = ROUTES, refuses: Refusal = refusal) -> Starlette:
    """The whole page, the views of a `Site`, as an application; or those of another site, that has other
    routes and refuses others."""
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, refuses=refuses)],
        exception_handlers={HTTPException: http_error, HotfolderError: told_error},
    )
    # Where to would be told by a name and scheme that a proxy may have changed on the way.
    app.router.redirect_slashes = False
    app.state.site = site
    return app


async def http_error(request: Request, error: Exception) -> Response:
    """What Starlette or a view refuses. A view's own sentence is its `detail`."""
    assert isinstance(error, HTTPException)
    usual = HTTPStatus(error.status_code).phrase
    message = "" if error.detail == usual else error.detail
    return error_page(request, error.status_code, message, headers=dict(error.headers or {}))


async def told_error(request: Request, error: Exception) -> Response:
    """What `control` raises, in its own words. What a page is asked to show and can't be isn't there."""
    assert isinstance(error, HotfolderError)
    status = 503 if isinstance(error, BadWorld | StoreError) else 500
    if isinstance(error, UsageError):
        status = 404 if isinstance(error, Unknown) or request.method in SAFE_METHODS else 409
    hint = "" if isinstance(error.hint, CommandHint) else error.hint
    return error_page(request, status, error.message, hint)
