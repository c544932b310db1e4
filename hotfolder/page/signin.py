"""Signing in with the studio's password, and out; and setting the first password with the link in the log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import ceil
from typing import ParamSpec, TypeVar

from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from hotfolder.control import access
from hotfolder.page import SESSION_COOKIE
from hotfolder.page.security import Caller, PublicRoute, fields_of
from hotfolder.page.site import Site, settings_of, site_of
from hotfolder.page.templating import render, request_language, safe_path
from hotfolder.words import word

P = ParamSpec("P")
T = TypeVar("T")


async def sign_in_form(request: Request) -> Response:
    return render(request, "signin.html", to=safe_path(request.query_params.get("to")), problem="")


async def sign_in(request: Request) -> Response:
    site, caller = site_of(request), request.state.caller
    fields = await fields_of(request)
    wait = site.throttle.take(caller.address)
    to = safe_path(fields.get("to"))
    language = request_language(request)
    if wait:
        problem = word(language, "signin.too_often", seconds=ceil(wait))
        headers = {"Retry-After": str(ceil(wait))}
        return render(request, "signin.html", status=429, headers=headers, to=to, problem=problem)
    token = await run_hashing(site, access.sign_in, settings_of(request), fields.get("password", ""))
    if token is None:
        problem = word(language, "signin.wrong")
        return render(request, "signin.html", status=403, to=to, problem=problem)
    site.throttle.give_back(caller.address)
    return set_session_cookie(RedirectResponse(to.unescape(), 303), token, caller)


async def sign_out(request: Request) -> Response:
    token = request.cookies.get(SESSION_COOKIE)
    if token:
        await to_thread.run_sync(access.sign_out, settings_of(request), token)
    response = RedirectResponse("/signin", 303)
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
    return response


async def first_password_form(request: Request) -> Response:
    require_first_token(request)
    return render(request, "first.html", problem="")


async def set_first_password(request: Request) -> Response:
    """Set the first password, and sign in with it."""
    require_first_token(request)
    site, fields = site_of(request), await fields_of(request)
    password, settings = fields.get("password", ""), settings_of(request)
    if (problem := password_problem(fields)) is not None:
        return render(request, "first.html", status=422, problem=problem(request_language(request)))
    was_set = await run_hashing(site, access.set_password, settings, access.FULL, password, first=True)
    site.first_token.used = True
    token = await run_hashing(site, access.sign_in, settings, password) if was_set else None
    if token is None:
        return RedirectResponse("/signin", 303)
    return set_session_cookie(RedirectResponse("/", 303), token, request.state.caller)


def password_problem(fields: Mapping[str, str]) -> Callable[[str], str] | None:
    """The problem with a form's new password, in a language: too short, too long, or not repeated alike; None
    if none."""
    password = fields.get("password", "")
    if not access.LEAST_LETTERS <= len(password) <= access.MOST_LETTERS:
        return lambda language: word(language, "first.short", least=access.LEAST_LETTERS)
    if password != fields.get("again", ""):
        return lambda language: word(language, "first.different")
    return None


def require_first_token(request: Request) -> None:
    """Raise HTTPException (404) unless the URL has the token from the log, not yet used."""
    if not site_of(request).first_token.matches(request.path_params["token"]):
        raise HTTPException(404)


async def run_hashing(site: Site, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work`, which hashes a password, in a thread, one at a time: it takes much memory and a core."""
    async with site.hashing_lock:
        return await to_thread.run_sync(partial(work, *args, **kwargs))


def set_session_cookie(response: Response, token: str, caller: Caller) -> Response:
    response.set_cookie(
        SESSION_COOKIE, token, access.SESSION_SECONDS, secure=caller.https, httponly=True, samesite="strict"
    )
    return response


ROUTES = (
    PublicRoute("/signin", sign_in_form, methods=["GET"]),
    PublicRoute("/signin", sign_in, methods=["POST"]),
    PublicRoute("/signout", sign_out, methods=["POST"]),
    PublicRoute("/first/{token}", first_password_form, methods=["GET"]),
    PublicRoute("/first/{token}", set_first_password, methods=["POST"]),
)
