"""Client addresses: the connection's own, and those that a trusted proxy reports."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers
from starlette.types import Scope

from hotfolder.config.settings import PageSettings
from hotfolder.page.security import caller_of, from_another_site, known_name

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
    assert known_name(caller, scope(proxy), PROXIED)


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
    assert known_name(caller_of(asked, PROXIED), asked, PROXIED) is known


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
    assert from_another_site(caller, Headers(headers), method) is strange
