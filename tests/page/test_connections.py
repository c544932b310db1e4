"""Browsers that hang, flood or lie about lengths: the page still serves the others."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from hotfolder.page.app import MOST_CONNECTIONS
from tests.support.pageprocess import PageProcess
from tests.support.studio import FILE_TIMEOUT_SECONDS

pytestmark = pytest.mark.long


def ended(channel: socket.socket) -> bool:
    channel.settimeout(FILE_TIMEOUT_SECONDS)
    try:
        return channel.recv(1) == b""
    except ConnectionResetError:
        return True


def test_connections_that_say_nothing_keep_nobody_out_and_are_closed(page: PageProcess) -> None:
    mute = [socket.create_connection(("127.0.0.1", page.port)) for _ in range(MOST_CONNECTIONS + 50)]
    for channel in mute[::10]:
        channel.sendall(b"GET / HTTP/1.1\r\nHo")
    for _ in range(5):
        assert page.get("/").status == 200
    opened = list(Path(f"/proc/{page.process.pid}/fd").iterdir())
    assert len(opened) < MOST_CONNECTIONS + 40  # at once: the oldest of them were closed
    assert all(ended(channel) for channel in mute)
    for channel in mute:
        channel.close()


def unfinished(page: PageProcess) -> bytes:
    """The beginning of a form."""
    own = f"127.0.0.1:{page.port}"
    head = f"POST /signin HTTP/1.1\r\nHost: {own}\r\nOrigin: http://{own}\r\nContent-Length: 9999\r\n"
    return f"{head}Content-Type: application/x-www-form-urlencoded\r\n\r\npassw".encode()


def test_forms_that_never_end_keep_nobody_out(page: PageProcess) -> None:
    slow = [socket.create_connection(("127.0.0.1", page.port)) for _ in range(MOST_CONNECTIONS)]
    for channel in slow:
        channel.sendall(unfinished(page))
    for _ in range(5):
        assert page.get("/").status == 200
    for channel in slow:
        channel.close()
    assert page.get("/").status == 200 and "view_failed" not in page.text()


def test_a_form_that_never_ends_is_answered_all_the_same(page: PageProcess) -> None:
    with socket.create_connection(("127.0.0.1", page.port), timeout=FILE_TIMEOUT_SECONDS) as channel:
        channel.sendall(unfinished(page))
        assert channel.recv(20).startswith(b"HTTP/1.1 408")


def test_a_long_choice_of_pictures_fits_into_an_address(page: PageProcess) -> None:
    picks = "&".join(f"pick=dch2rppx-{number:020x}" for number in range(1500))
    with socket.create_connection(("127.0.0.1", page.port), timeout=FILE_TIMEOUT_SECONDS) as channel:
        channel.sendall(f"GET /project/nothing/zip?{picks}".encode())
        assert page.get("/").status == 200  # by then it has read that much of the other one
        channel.sendall(f" HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\n\r\n".encode())
        assert channel.recv(65536).split()[1] == b"404"


def test_no_more_of_a_form_is_taken_than_forms_have(page: PageProcess) -> None:
    answer = page.post("/signin", {"password": "x" * 300_000})
    assert answer.status == 413 and "more than is taken" in answer.text
    assert page.get("/").status == 200


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET / HTTP/9\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x02\r\n\r\n", b"400"),
        (b"GET /\xff\xfe HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", b"400"),
        (b"GET /../../etc/passwd HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", b"404"),
        (b"GET /picture/../../x HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", b"404"),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 66_000, b"400"),
        (b"GET / HTTP/1.0\r\n\r\n", b"403"),
    ],
)
def test_nonsense_is_refused(page: PageProcess, request_bytes: bytes, status: bytes) -> None:
    with socket.create_connection(("127.0.0.1", page.port), timeout=FILE_TIMEOUT_SECONDS) as channel:
        channel.sendall(request_bytes)
        answer = channel.recv(65536)
    assert answer.split()[1] == status
    assert page.get("/").status == 200 and "Traceback" not in page.text()


def test_the_process_stays_small(page: PageProcess) -> None:
    for _ in range(200):
        assert page.get("/").status == 200
    status = Path(f"/proc/{page.process.pid}/status").read_text()
    [peak] = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
    assert peak < 150 * 1024
