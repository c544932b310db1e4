"""Templates: every value is escaped, every text comes from the catalogue.

A template has `t("key", name=value)` for texts and the methods of `Words`, `language`, `path` (of this page),
`here` (its query, without `told`), `signed_in`, `may_act` (whether the session may do more than read), `told`
(the text about the last action), `terms()` (`terms_of` the request), and whatever its view passes to
`render`: a page with a `stamp` is replaced when the stamp changes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from functools import partial
from typing import TypeVar
from urllib.parse import quote

from markupsafe import Markup, escape
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from hotfolder.blocking import call_in_thread
from hotfolder.control.board import Frame
from hotfolder.display import capital, sentence, signed_ev
from hotfolder.page.site import settings_of, site_of, terms_of
from hotfolder.words import CATALOGUE, LANGUAGES, accepted_language, word
from hotfolder.words.saying import ENGLISH, format_number, translate, translate_room

LANGUAGE_COOKIE = "hotfolder_language"
LANGUAGE_SECONDS = 365 * 86400
VARY = "Accept-Language, Cookie"
SITE_PATH = re.compile(r"/(?:[A-Za-z0-9_.~%-][A-Za-z0-9/_.~%-]*)?(?:\?[A-Za-z0-9/_.~%&=+,:;*-]*)?\Z")
"""A path of this site, optionally with a query; never one that a browser takes for another host."""

T = TypeVar("T")


class Words:
    """The texts of templates in one language."""

    def __init__(self, language: str) -> None:
        self.language = language

    def __call__(self, key: str, /, **values: object) -> str:
        return word(self.language, key, **values)

    def said(self, text: str) -> str:
        return translate(self.language, text)

    def sentence(self, text: str) -> str:
        return capital(self.said(text))

    def room(self, name: str) -> str:
        return translate_room(self.language, name)

    def tongue(self, text: str) -> str:
        """The language in which `said` returns a text: English where it has no translation."""
        return ENGLISH if self.said(text) == text else self.language

    def number(self, text: object) -> str:
        """A number, or a sum of money."""
        return format_number(self.language, str(text))

    def ev(self, ev: float | None) -> str:
        return self("photo.no_ev") if ev is None else self("photo.ev", value=self.number(signed_ev(ev)))

    def calls(self, kinds: Iterable[str]) -> str:
        """Paid calls, such as "1 × merge, 2 × sky"."""
        return ", ".join(f"{number} × {self(f'kind.{kind}')}" for kind, number in Counter(kinds).items())

    def frame(self, frame: Frame) -> str:
        """A frame's label, such as "Merge" or "Sky, lawn"; with the variant's name where it has one."""
        if frame.kind != "altered":
            return self(f"frame.{frame.kind}")
        kinds = ", ".join(self(f"kind.{kind}") for kind in frame.altered)
        told = f"{frame.variant}: {kinds}" if frame.variant else kinds
        return told[:1].upper() + told[1:]

    def day(self, at: datetime) -> str:
        """A date in this machine's time zone, such as 4 May 2026."""
        here = at.astimezone()
        month = self("time.short_months").split()[here.month - 1]
        return self("time.day", day=here.day, month=month, year=here.year)

    def clock(self, moment: str | datetime, *, seconds: bool = False) -> str:
        """A time in this machine's time zone, with the date unless that is today; "" where it is invalid."""
        try:
            at = moment if isinstance(moment, datetime) else datetime.fromisoformat(moment)
        except ValueError:
            return ""
        here = at.astimezone()
        told = f"{here:%H:%M:%S}" if seconds else f"{here:%H:%M}"
        return told if here.date() == datetime.now().astimezone().date() else f"{self.day(here)}, {told}"


def render(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **context: object,
) -> HTMLResponse:
    """A page in the language of the request."""
    asked, language = request.query_params.get("lang"), request_language(request)
    told = f"told.{request.query_params.get('told', '')}"
    text = site_of(request).templates.get_template(template)
    role = getattr(request.state, "role", None)
    body = text.render(
        t=Words(language),
        language=language,
        path=escape(request.url.path),
        signed_in=role is not None,
        with_session=role is not None and request.state.protected,
        may_act=getattr(request.state, "may_act", False),
        told=told if told in CATALOGUE else "",
        terms=partial(terms_of, request),
        here=request.url.remove_query_params("told").query,
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


def all_picked(request: Request) -> bool:
    """Whether a form that lists pictures is shown with all of them picked: unless `?pick=none`."""
    return request.query_params.get("pick") != "none"


def request_language(request: Request) -> str:
    """The language of `?lang=`, else of the cookie that an earlier one set, else of Accept-Language."""
    for asked in (request.query_params.get("lang"), request.cookies.get(LANGUAGE_COOKIE)):
        if asked in LANGUAGES:
            return str(asked)
    return accepted_language(request.headers.get("accept-language", ""))


async def query_control(request: Request, look: Callable[..., T], *args: object) -> T:
    """Call a query of `control` with the current settings, in a thread. Raises its errors, and LocalTrouble
    after a timeout."""
    settings = settings_of(request)
    return await call_in_thread(settings.state_folder, partial(look, settings, *args))


def error_page(
    request: Request, status: int, message: str = "", hint: str = "", headers: dict[str, str] | None = None
) -> Response:
    """A page with `message`, or without one the usual sentence for the status."""
    key = (
        f"error.{status}" if f"error.{status}" in CATALOGUE else "error.400" if status < 500 else "error.500"
    )
    words = Words(request_language(request))
    # After a 409, for an action that isn't possible any more, and a 404, as for a ZIP of pictures that are
    # gone, the link leads back to the form's page; after a 401, it does so by the sign-in page.
    page = re.match(r"https?://[^/?#]+([^?#]*)([^#]*)", request.headers.get("referer", ""))
    back = safe_path(page[1]) if page and status in (404, 409) else "/"
    if page and status == 401:
        back = safe_path(f"/signin?to={quote(page[1] + page[2], safe='/')}")
    told, hint = sentence(words.said(message) or words(key)), words.said(hint)
    return render(request, "error.html", status=status, headers=headers, message=told, hint=hint, back=back)


def safe_path(asked: object) -> Markup:
    """A safe target for links and redirects: `asked` if it is a path of this site, else "/". As Markup it is
    left alone in templates, where other texts lose what looks like a folder of this machine."""
    return escape(asked if isinstance(asked, str) and SITE_PATH.match(asked) else "/")
