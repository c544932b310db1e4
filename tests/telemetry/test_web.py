"""The small web server, over real connections."""

from __future__ import annotations

import http.client
import json
import socket
import threading

import pytest
from starlette.applications import Starlette

from hotfolder.errors import LocalTrouble
from hotfolder.telemetry.web import MOST_CONNECTIONS, WebServer
from tests.support.studio import FILE_TIMEOUT_SECONDS, wait_for
from tests.telemetry.conftest import Serve


def exchange(port: int, request: bytes, *, wait_seconds: float = 8) -> bytes:
    """Send bytes and read until the server closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait_seconds) as channel:
        channel.sendall(request)
        answer = b""
        while part := channel.recv(65536):
            answer += part
        return answer


def get(port: int, path: str, method: str = "GET") -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path)
    answer = connection.getresponse()
    result = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return result


def test_a_report_says_by_its_status_whether_it_is_well(serve: Serve) -> None:
    """A checker may read only the status; neither connections nor answers are kept."""
    port = serve().port
    status, headers, body = get(port, "/healthz?x=1")
    assert (status, json.loads(body)) == (200, {"ok": True})
    assert (headers["connection"], headers["cache-control"]) == ("close", "no-store")
    assert get(port, "/readyz")[0] == 503
    assert get(port, "/healthz", "HEAD")[::2] == (200, b"")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n", b"405"),
        (b"GET /healthz HTTP/9\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\r\n\r\n", b"400"),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", b"404"),
        (b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 20_000, b"400"),
    ],
)
def test_nonsense_gets_a_short_refusal(serve: Serve, request_bytes: bytes, status: bytes) -> None:
    """Invalid requests are refused, and the next valid one is answered."""
    port = serve().port
    try:
        assert exchange(port, request_bytes).split()[1] == status
    except ConnectionResetError:
        assert len(request_bytes) > 20_000  # unread bytes may reset the connection
    assert get(port, "/healthz")[0] == 200


def test_a_page_that_fails_is_500_and_gives_nothing_away(serve: Serve) -> None:
    """The error is in the log; other pages are still served."""

    def fail() -> bytes:
        raise ValueError("a secret")

    port = serve(metrics=fail).port
    status, _, body = get(port, "/metrics")
    assert (status, b"secret" in body, get(port, "/healthz")[0]) == (500, False, 200)


def ended(channel: socket.socket) -> bool:
    """Whether the server closes a connection."""
    channel.settimeout(FILE_TIMEOUT_SECONDS)
    try:
        return channel.recv(1) == b""
    except ConnectionResetError:
        return True


def test_connections_that_say_nothing_keep_nobody_out_and_are_cut_off(serve: Serve) -> None:
    """Every probe is answered, however many there are."""
    port = serve().port
    mute = [socket.create_connection(("127.0.0.1", port)) for _ in range(2 * MOST_CONNECTIONS)]
    for _ in range(5):
        assert get(port, "/healthz")[0] == 200
    assert all(ended(channel) for channel in mute)
    assert get(port, "/healthz")[0] == 200
    for channel in mute:
        channel.close()


def test_a_port_in_use_is_said_for_people(serve: Serve) -> None:
    """The message has the address, the reason and the setting."""
    port = serve().port
    with pytest.raises(LocalTrouble, match=f"127.0.0.1 port {port}: Address already in use") as caught:
        WebServer(Starlette(), port=port)
    assert "web.port" in caught.value.hint


def test_stopping_frees_the_port_and_the_thread(free_port: int) -> None:
    """It starts and stops several times on one port, with open connections: no thread and no port is left."""
    for _ in range(3):
        server = WebServer(Starlette(), port=free_port)
        hanging = socket.create_connection(("127.0.0.1", free_port))
        assert get(free_port, "/nothing")[0] == 404
        server.stop()
        server.stop()
        wait_for(lambda: "web" not in [thread.name for thread in threading.enumerate()])
        hanging.close()


def test_ipv6_works_where_there_is_one() -> None:
    """`::1` is as good as 127.0.0.1."""
    try:
        server = WebServer(Starlette(), host="::1")
    except LocalTrouble:
        pytest.skip("this machine has no IPv6 loopback")
    with socket.create_connection(("::1", server.port), timeout=60) as channel:
        channel.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b" 404 " in channel.recv(100)
    server.stop()
