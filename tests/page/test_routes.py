"""Every route of the page: closed to other sites, to anyone not signed in, and to forged headers.

The table holds all existing routes. A new one must be closed, or fails here; routes that are open to
everybody are listed in PUBLIC. Behind the routes: who the caller is, by the connection and by what a trusted
proxy reports.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from starlette.datastructures import Headers
from starlette.routing import Route
from starlette.types import Scope

from hotfolder.config.settings import PageSettings
from hotfolder.page.app import ROUTES
from hotfolder.page.security import caller_of, is_cross_site, is_own_host
from tests.support.pageprocess import PageProcess, page_process, set_password
from tests.support.studio import Studio

SHARED = {"/share/{token}/", "/share/{token}/{size}/{name}", "/share/{rest:path}"}
PUBLIC = {"/static/{name}", "/favicon.ico", "/signin", "/signout", "/first/{token}", *SHARED}
"""Routes open to everybody who reaches the page."""
SECRET = "12 Elm Road"
FULL, READING = "a long password", "another password"
Endpoint = tuple[str, str, str]


def address_of(route: Route) -> str:
    return re.sub(r"\{[^}]*\}", "nothing", route.path)


ENDPOINTS = sorted(
    {
        (method, route.path, address_of(route))
        for route in ROUTES
        if isinstance(route, Route)
        for method in route.methods or {"GET"}
    }
)
CLOSED = [one for one in ENDPOINTS if one[1] not in PUBLIC]


def shown(endpoint: Endpoint) -> str:
    return f"{endpoint[0]} {endpoint[1]}"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    studio = Studio(tmp_path_factory.mktemp("studio"))
    studio.drop(SECRET, "kitchen", {"a.jpg": b"no picture"})
    return studio


@pytest.fixture(scope="module")
def page(studio: Studio) -> Iterator[PageProcess]:
    """A page with both passwords."""
    set_password(studio, FULL)
    set_password(studio, READING, "--read-only")
    with page_process(studio) as process:
        yield process


@pytest.fixture(scope="module")
def cookies(page: PageProcess) -> dict[str, str]:
    """The cookies of each signed-in role, by password."""
    found = {}
    for password in (FULL, READING):
        page.cookies.clear()
        assert page.post("/signin", {"password": password}).status == 303
        found[password] = f"hotfolder_session={page.cookies.pop('hotfolder_session')}"
    return found


@pytest.fixture(scope="module")
def unprotected(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PageProcess]:
    """A page on loopback without a password."""
    with page_process(Studio(tmp_path_factory.mktemp("open"))) as process:
        yield process


def test_nothing_but_routes_is_served() -> None:
    """A mounted application or a socket would not be in the table."""
    assert all(isinstance(route, Route) for route in ROUTES)
    assert {path for _, path, _ in ENDPOINTS} >= PUBLIC


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=shown)
def test_a_strange_name_is_refused(
    page: PageProcess, unprotected: PageProcess, cookies: dict[str, str], endpoint: Endpoint
) -> None:
    """With DNS rebinding the browser takes the page for the other site's own."""
    method, _, path = endpoint
    for host in (
        "evil.example",
        f"evil.example:{page.port}",
        "127.0.0.1.evil.example",
        "10.1.2.3",
        "",
        "[::",
    ):
        for asked in (page, unprotected):
            lies = {"Origin": f"http://{host}", "X-Forwarded-Host": f"127.0.0.1:{asked.port}"}
            status, body = asked.status(method, path, Host=host, Cookie=cookies[FULL], **lies)
            assert status in (400, 403) and SECRET.encode() not in body


def caused_elsewhere(method: str, port: int) -> Iterator[dict[str, str]]:
    """The headers of requests that another site causes: its pictures, frames and forms, and forms of who
    knows where; only links may lead here."""
    for origin in ("http://evil.example", "null", f"http://127.0.0.1:{port + 1}", "http://127.0.0.1", ""):
        yield {"Origin": origin}
    for site in ("cross-site", "same-site"):
        for mode, target in (("no-cors", "image"), ("navigate", "iframe"), ("cors", "empty")):
            told = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": target}
            yield from (told, {**told, "Origin": f"http://127.0.0.1:{port}"})
    if method not in ("GET", "HEAD"):
        link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        yield from ({}, link)


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=shown)
def test_a_request_from_another_site_is_refused(
    page: PageProcess, unprotected: PageProcess, cookies: dict[str, str], endpoint: Endpoint
) -> None:
    method, _, path = endpoint
    for asked in (page, unprotected):
        for headers in caused_elsewhere(method, asked.port):
            assert asked.status(method, path, Cookie=cookies[FULL], **headers)[0] == 403, headers


@pytest.mark.parametrize("endpoint", CLOSED, ids=shown)
def test_nobody_gets_in_without_signing_in(page: PageProcess, endpoint: Endpoint) -> None:
    """Forged headers about the connection don't help."""
    method, _, path = endpoint
    own = {"Origin": f"http://127.0.0.1:{page.port}"}
    lies = {"X-Forwarded-For": "127.0.0.1", "X-Forwarded-Proto": "https", "Forwarded": "for=127.0.0.1"}
    for told in ({}, lies, {"Cookie": "hotfolder_session=x"}, {"Cookie": "hotfolder_session="}):
        status, body = page.status(method, path, **own, **told)
        assert status == 401 and SECRET.encode() not in body
    assert page.status(method, path, **own, Accept="text/html")[0] == (401 if method == "POST" else 303)


@pytest.mark.parametrize("endpoint", CLOSED, ids=shown)
def test_who_may_only_look_changes_nothing(
    page: PageProcess, cookies: dict[str, str], endpoint: Endpoint
) -> None:
    method, _, path = endpoint
    own = {"Origin": f"http://127.0.0.1:{page.port}"}
    status, _ = page.status(method, path, **own, Cookie=cookies[READING])
    assert status in ((200, 303, 404) if method in ("GET", "HEAD") else (403,))


@pytest.mark.parametrize("endpoint", CLOSED, ids=shown)
def test_a_page_without_a_password_is_closed_to_what_a_proxy_lets_in(
    unprotected: PageProcess, endpoint: Endpoint
) -> None:
    method, _, path = endpoint
    own = {"Origin": f"http://127.0.0.1:{unprotected.port}"}
    for name in ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Forwarded", "X-Real-IP"):
        assert unprotected.status(method, path, **own, **{name: "10.0.0.1"})[0] == 403


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=shown)
def test_nothing_tells_where_the_folders_lie(
    page: PageProcess, studio: Studio, cookies: dict[str, str], endpoint: Endpoint
) -> None:
    method, _, path = endpoint
    if method in ("GET", "HEAD"):
        _, body = page.status(method, path, Cookie=cookies[FULL])
        assert str(studio.root).encode() not in body


PROXIED = PageSettings(hosts=("photos.example.com",), trusted_proxies=("10.0.0.0/24", "fd00::/8"))


def scope(client: str, server: str = "10.0.0.9", **headers: str) -> Scope:
    told = [(name.replace("_", "-").lower().encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "client": (client, 5000), "server": (server, 8480), "headers": told}


@pytest.mark.parametrize("proxy", ["10.0.0.1", "::ffff:10.0.0.1", "fd00::1"])
def test_a_trusted_proxys_headers_count(proxy: str) -> None:
    caller = caller_of(
        scope(
            proxy,
            Host="127.0.0.1:8480",
            X_Forwarded_For="8.8.8.8, 192.0.2.1, 10.0.0.2",
            X_Forwarded_Host="photos.example.com",
            X_Forwarded_Proto="https",
        ),
        PROXIED,
    )
    assert (caller.address, caller.host, caller.https) == ("192.0.2.1", "photos.example.com", True)
    assert is_own_host(caller, scope(proxy), PROXIED)


def test_nonsense_in_a_proxys_header_is_no_address() -> None:
    caller = caller_of(scope("10.0.0.1", Host="a", X_Forwarded_For="<script>"), PROXIED)
    assert caller.address == ""


@pytest.mark.parametrize(
    ("host", "server", "known"),
    [
        ("photos.example.com", "10.0.0.9", True),
        ("PHOTOS.example.com.:443", "10.0.0.9", True),
        ("10.0.0.9:8480", "10.0.0.9", True),
        ("localhost:8480", "127.0.0.1", True),
        ("[::1]:8480", "::1", True),
        ("localhost", "10.0.0.9", False),
        ("10.0.0.8", "10.0.0.9", False),
        ("photos.example.com.evil.example", "10.0.0.9", False),
        ("a@photos.example.com", "10.0.0.9", False),
        ("", "10.0.0.9", False),
    ],
)
def test_the_names_that_it_goes_by(host: str, server: str, known: bool) -> None:
    asked = scope("192.0.2.1", server, Host=host)
    assert is_own_host(caller_of(asked, PROXIED), asked, PROXIED) is known


@pytest.mark.parametrize(
    ("method", "headers", "strange"),
    [
        ("GET", {}, False),
        ("GET", {"sec-fetch-site": "none"}, False),
        (
            "GET",
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
            False,
        ),
        (
            "GET",
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
            True,
        ),
        ("GET", {"sec-fetch-site": "cross-site"}, True),
        ("POST", {"origin": "https://photos.example.com"}, False),
        ("POST", {"sec-fetch-site": "same-origin"}, False),
        ("POST", {"origin": "https://photos.example.com", "sec-fetch-site": "cross-site"}, True),
        ("POST", {"origin": "https://photos.example.com:444"}, True),
        ("POST", {}, True),
    ],
)
def test_what_a_strange_site_is_behind(method: str, headers: dict[str, str], strange: bool) -> None:
    caller = caller_of(scope("192.0.2.1", Host="photos.example.com"), PROXIED)
    assert is_cross_site(caller, Headers(headers), method) is strange
