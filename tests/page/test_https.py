"""The page behind a proxy that ends TLS: only the trusted proxy's headers count."""

from __future__ import annotations

import http.client
import re
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from urllib.parse import urlencode

import pytest

from tests.support.browser import chromium
from tests.support.pageprocess import Answer, PageProcess, page_process, set_password
from tests.support.studio import FILE_TIMEOUT_SECONDS, MakeStudio, Studio

PASSWORD = "a long password"
LISTED = "127.0.0.7"
pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl on this machine"),
]


class Handler(StreamRequestHandler):
    """Forwards one request, as nginx does by docs/page.md."""

    def handle(self) -> None:
        proxy = self.server
        assert isinstance(proxy, Proxy)
        line, body = self.rfile.readline(), b""
        headers = http.client.parse_headers(self.rfile)
        body = self.rfile.read(int(headers.get("content-length", 0)))
        host = headers["host"]
        for name in ("connection", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"):
            del headers[name]
        told = {"X-Forwarded-For": self.client_address[0], "X-Forwarded-Host": host}
        told |= {"X-Forwarded-Proto": "https", "Connection": "close"}
        sent = "".join(f"{name}: {value}\r\n" for name, value in (*headers.items(), *told.items()))
        with closing(socket.create_connection(("127.0.0.1", proxy.page), None, (LISTED, 0))) as page:
            page.sendall(line + sent.encode() + b"\r\n" + body)
            while piece := page.recv(65536):
                self.wfile.write(piece)


class Proxy(ThreadingTCPServer):
    """An https proxy on a free loopback port, with a certificate of its own."""

    allow_reuse_address = daemon_threads = True
    page = 0

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        names = ("-keyout", folder / "key.pem", "-out", folder / "cert.pem", "-subj", "/CN=localhost")
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names],
            check=True,
            capture_output=True,
        )
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        self.port = int(self.socket.getsockname()[1])

    def finish_request(self, request: object, client_address: object) -> None:
        assert isinstance(request, socket.socket)
        # Browsers disconnect at any time.
        with suppress(OSError), self.context.wrap_socket(request, server_side=True) as wrapped:
            Handler(wrapped, client_address, self)

    def ask(self, method: str, path: str, client: str = "127.0.0.1", **headers: str) -> Answer:
        """Send a request as a browser at that address does, by https."""
        unknown = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection(
            "localhost", self.port, timeout=FILE_TIMEOUT_SECONDS, context=unknown, source_address=(client, 0)
        )
        body = headers.pop("body", None)
        usual = {
            "Origin": f"https://localhost:{self.port}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, (usual if method == "POST" else {}) | told)
        answer = connection.getresponse()
        found = Answer(answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read())
        connection.close()
        return found

    def sign_in(self, password: str = PASSWORD, **headers: str) -> Answer:
        return self.ask("POST", "/signin", body=urlencode({"password": password}), **headers)


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    with Proxy(tmp_path) as made:
        serving = Thread(target=made.serve_forever, daemon=True)
        serving.start()
        yield made
        made.shutdown()


@pytest.fixture
def studio(make_studio: MakeStudio) -> Studio:
    studio = make_studio(page={"hosts": "localhost", "trusted_proxies": LISTED})
    set_password(studio, PASSWORD)
    return studio


@pytest.fixture
def page(studio: Studio, proxy: Proxy) -> Iterator[PageProcess]:
    """The page behind that proxy."""
    with page_process(studio) as process:
        proxy.page = process.port
        yield process


def test_cookies_origin_and_where_to_go_on_are_those_of_https(proxy: Proxy, page: PageProcess) -> None:
    inside = proxy.sign_in()
    assert inside.status == 303 and inside.headers["location"] == "/"
    cookie = inside.headers["set-cookie"]
    assert all(word in cookie for word in ("; Secure", "; HttpOnly", "; SameSite=strict"))
    session = cookie.partition(";")[0]
    first = proxy.ask("GET", "/preview", Accept="text/html")
    assert first.status == 303 and first.headers["location"] == "/signin?to=/preview"
    assert "; Secure" in proxy.ask("GET", "/?lang=de", Cookie=session).headers["set-cookie"]
    assert proxy.ask("POST", "/pause", Cookie=session).status != 403
    for origin in (f"http://localhost:{proxy.port}", "https://localhost", f"https://localhost:{page.port}"):
        assert proxy.ask("POST", "/pause", Cookie=session, Origin=origin).status == 403
    assert proxy.ask("GET", "/", Host="evil.example", Cookie=session).status == 403


def test_wrong_passwords_are_counted_by_who_is_behind_the_proxy(proxy: Proxy, page: PageProcess) -> None:
    """Headers that clients send themselves don't count."""
    lies = ({"X_Forwarded_For": f"192.0.2.{number}"} for number in range(6))
    assert [proxy.sign_in("wrong", **lie).status for lie in lies] == [403] * 5 + [429]
    assert proxy.sign_in("wrong", client="127.0.0.21").status == 403


def test_the_same_headers_of_a_peer_that_is_not_listed_count_for_nothing(page: PageProcess) -> None:
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "localhost", "X-Forwarded-For": "127.0.0.1"}
    inside = page.post("/signin", {"password": PASSWORD}, **forged)
    assert inside.status == 303 and "Secure" not in inside.headers["set-cookie"]
    evil = {"Host": "evil.example", "Origin": "https://localhost"}
    assert page.post("/signin", {"password": PASSWORD}, **forged, **evil).status == 403
    for number in range(6):
        last = page.post("/signin", {"password": "wrong"}, **{"X-Forwarded-For": f"192.0.2.{number}"})
    assert last.status == 429


def test_a_browser_signs_in_acts_and_hears_by_https(studio: Studio, proxy: Proxy, page: PageProcess) -> None:
    with chromium() as browser:
        context = browser.new_context(
            base_url=f"https://localhost:{proxy.port}", ignore_https_errors=True, locale="en-US"
        )
        context.set_default_timeout(FILE_TIMEOUT_SECONDS * 1000)
        opened = context.new_page()
        opened.goto("/preview")
        opened.get_by_label("The studio's password").fill(PASSWORD)
        opened.get_by_role("button", name="Sign in").click()
        opened.get_by_role("heading", name="What would happen?").wait_for()
        assert opened.url == f"https://localhost:{proxy.port}/preview"
        assert all(cookie["secure"] for cookie in context.cookies())
        opened.goto("/")
        opened.get_by_role("button", name="Pause paid calls").click()
        opened.get_by_role("button", name="Go on").wait_for()
        assert studio.call("resume").returncode == 0
        opened.get_by_role("button", name="Pause paid calls").wait_for()  # without loading anew
        opened.get_by_role("button", name="Sign out").click()
        opened.get_by_role("button", name="Sign in").wait_for()
        assert not [one for one in context.cookies() if re.search("session", one["name"])]
        context.close()
