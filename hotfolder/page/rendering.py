"""Templates: every name is text in them, every word comes from the catalogue.

A template has `t("key", name=value)` for words, `t.said(text)` for what the program says of sets, `language`,
`path` (of this page), `signed_in`, `may_act` (whether who asks may do more than look), `told` (the word for
what was done last), and whatever its view hands to `render`.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from hotfolder.page.site import site_of
from hotfolder.words import CATALOGUE, LANGUAGES, language_of, word
from hotfolder.words.saying import ENGLISH, said

LANGUAGE_COOKIE = "hotfolder_language"
LANGUAGE_SECONDS = 365 * 86400
VARY = "Accept-Language, Cookie"


class Words:
    """What templates say in one language."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, key: str, /, **values: object) -> str:
        return word(self.language, key, **values)

    def said(self, text: str) -> str:
        return said(self.language, text)

    def tongue(self, text: str) -> str:
        """The language that a text of the program is shown in: English where it has no translation."""
        return ENGLISH if self.said(text) == text else self.language


def render(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: object,
) -> HTMLResponse:
    """A page in the language of whoever asks."""
    asked, language = request.query_params.get("lang"), request_language(request)
    told = f"told.{request.query_params.get('told', '')}"
    text = site_of(request).templates.get_template(template)
    role = getattr(request.state, "role", None)
    body = text.render(
        t=Words(language),
        language=language,
        path=request.url.path,
        signed_in=role is not None,
        with_session=role is not None and request.state.protected,
        may_act=getattr(request.state, "may_act", False),
        told=told if told in CATALOGUE else "",
        in_language=lambda other: request.url.include_query_params(lang=other).query,
        **context,
    )
    response = HTMLResponse(body, status, headers)
    response.headers["Vary"] = VARY
    if asked in LANGUAGES:
        secure = request.state.caller.https
        response.set_cookie(
            LANGUAGE_COOKIE, language, LANGUAGE_SECONDS, secure=secure, samesite="strict", httponly=True
        )
    return response


def request_language(request: Request) -> str:
    """By `?lang=`, else by the cookie that an earlier one left, else as the browser prefers."""
    for asked in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if asked in LANGUAGES:
            return str(asked)
    return language_of(request.headers.get("accept-language", ""))


def error_page(
    request: Request, status: int, message: str = "", hint: str = "", headers: dict[str, str] | None = None
) -> Response:
    """A page with a sentence; the usual one of the status where there is no `message`."""
    key = (
        f"error.{status}" if f"error.{status}" in CATALOGUE else "error.400" if status < 500 else "error.500"
    )
    words = Words(request_language(request))
    told = words.said(message) or words(key)
    return render(request, "error.html", status=status, headers=headers, message=told, hint=words.said(hint))
