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
from hotfolder.page.templating import own_path, render, request_language
from hotfolder.words import word

P = ParamSpec("P")
T = TypeVar("T")


async def form(request: Request) -> Response:
    return render(request, "signin.html", to=own_path(request.query_params.get("to")), problem="")


async def sign_in(request: Request) -> Response:
    site, caller = site_of(request), request.state.caller
    fields = await fields_of(request)
    wait = site.throttle.take(caller.address)
    to = own_path(fields.get("to"))
    language = request_language(request)
    if wait:
        problem = word(language, "signin.too_often", seconds=ceil(wait))
        headers = {"Retry-After": str(ceil(wait))}
        return render(request, "signin.html", status=429, headers=headers, to=to, problem=problem)
    token = await hashing(site, access.sign_in, settings_of(request), fields.get("password", ""))
    if token is None:
        problem = word(language, "signin.wrong")
        return render(request, "signin.html", status=403, to=to, problem=problem)
    site.throttle.give_back(caller.address)
    return with_session(RedirectResponse(to.unescape(), 303), token, caller)


async def sign_out(request: Request) -> Response:
    token = request.cookies.get(SESSION_COOKIE)
    if token:
        await to_thread.run_sync(access.sign_out, settings_of(request), token)
    response = RedirectResponse("/signin", 303)
    response.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
    return response


async def first_form(request: Request) -> Response:
    refuse_stranger(request)
    return render(request, "first.html", problem="")


async def first(request: Request) -> Response:
    """Set the first password, and sign in with it."""
    refuse_stranger(request)
    site, fields = site_of(request), await fields_of(request)
    password, settings = fields.get("password", ""), settings_of(request)
    if problem := why_no_password(request, fields):
        return render(request, "first.html", status=422, problem=problem)
    was_set = await hashing(site, access.set_password, settings, access.FULL, password, first=True)
    site.first_token.used = True
    token = await hashing(site, access.sign_in, settings, password) if was_set else None
    if token is None:
        return RedirectResponse("/signin", 303)
    return with_session(RedirectResponse("/", 303), token, request.state.caller)


def why_no_password(request: Request, fields: Mapping[str, str]) -> str:
    """What is wrong with the new password of a form, which contains it twice; "" if nothing is."""
    password, language = fields.get("password", ""), request_language(request)
    if not access.LEAST_LETTERS <= len(password) <= access.MOST_LETTERS:
        return word(language, "first.short", least=access.LEAST_LETTERS)
    return word(language, "first.different") if password != fields.get("again", "") else ""


def refuse_stranger(request: Request) -> None:
    """Raise HTTPException (404) unless the URL has the token from the log, not yet used."""
    if not site_of(request).first_token.opens(request.path_params["token"]):
        raise HTTPException(404)


async def hashing(site: Site, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `work` in a thread, one at a time: hashing a password takes much memory and most of a core."""
    async with site.hashing:
        return await to_thread.run_sync(partial(work, *args, **kwargs))


def with_session(response: Response, token: str, caller: Caller) -> Response:
    response.set_cookie(
        SESSION_COOKIE, token, access.SESSION_SECONDS, secure=caller.https, httponly=True, samesite="strict"
    )
    return response


ROUTES = (
    PublicRoute("/signin", form, methods=["GET"]),
    PublicRoute("/signin", sign_in, methods=["POST"]),
    PublicRoute("/signout", sign_out, methods=["POST"]),
    PublicRoute("/first/{token}", first_form, methods=["GET"]),
    PublicRoute("/first/{token}", first, methods=["POST"]),
)
