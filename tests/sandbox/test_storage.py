"""The storage origin: signatures, expiry, whole files."""

from __future__ import annotations

import socket
from time import sleep
from urllib.parse import urlsplit

import httpx
import pytest

from tests.sandbox.conftest import Caller, Start
from tests.support.studio import wait_for


@pytest.fixture
def put_url(caller: Caller) -> str:
    return str(caller.upload_url(*caller.begun()).json()["uploadUrl"])


@pytest.fixture
def image_url(caller: Caller) -> str:
    return caller.image_url()


def uploaded(caller: Caller, url: str) -> bytes:
    name = urlsplit(url).path.rpartition("/")[2]
    return (caller.settings.data / "objects" / "stager-uploads" / name).read_bytes()


def test_signed_urls_lead_to_another_origin(caller: Caller, put_url: str, image_url: str) -> None:
    """A client that sends its key along can be detected."""
    api = caller.api.base_url
    for url in map(httpx.URL, (put_url, image_url)):
        assert url.host == "127.0.0.2" and (url.host, url.port) != (api.host, api.port)


def test_a_signature_is_for_one_method_and_one_path(caller: Caller, put_url: str, image_url: str) -> None:
    """Any change of method, path, expiry or signature gives 403, and nothing is stored."""
    other = put_url.replace(put_url.split("/")[4][:8], "00000000")
    later = put_url.replace("Expires=", "Expires=9")
    answers = [
        caller.storage.get(put_url),
        caller.storage.put(image_url, content=b"x"),
        caller.storage.put(other, content=b"x"),
        caller.storage.put(later, content=b"x"),
        caller.storage.put(put_url[:-1] + ("0" if put_url[-1] != "0" else "1"), content=b"x"),
        caller.storage.get(image_url.partition("?")[0]),
        caller.storage.get(image_url + "&X-Sandbox-Signature=%C3%A9"),
    ]
    assert [answer.status_code for answer in answers] == [403] * len(answers)
    assert all("SignatureDoesNotMatch" in answer.text for answer in answers)


def test_urls_expire(start: Start) -> None:
    """An expired PUT or GET answers ExpiredToken; a fresh URL works."""
    with start(put_expiry_seconds=0.2, get_expiry_seconds=0.2) as caller:
        wait_for(lambda: caller.storage.get(caller.image_url()).status_code == 200)
        put = caller.upload_url(*caller.begun()).json()["uploadUrl"]
        get = caller.image_url()
        sleep(0.3)
        for answer in (caller.storage.put(put, content=caller.jpeg()), caller.storage.get(get)):
            assert answer.status_code == 400
            assert "<Code>ExpiredToken</Code>" in answer.text


def test_a_download_can_be_asked_about_first(caller: Caller, image_url: str) -> None:
    """HEAD has the length and type of the GET."""
    head, get = caller.storage.head(image_url), caller.storage.get(image_url)
    assert head.status_code == get.status_code == 200
    assert head.content == b""
    assert int(head.headers["content-length"]) == len(get.content)
    assert head.headers["content-type"] == get.headers["content-type"] == "image/jpeg"
    assert "content-encoding" not in get.headers


def test_a_put_needs_its_length(caller: Caller, put_url: str) -> None:
    """A chunked upload is refused, as nobody could tell whether it came whole."""
    assert caller.storage.put(put_url, content=iter([b"x"])).status_code == 411


def test_an_upload_that_breaks_off_leaves_nothing(caller: Caller) -> None:
    """The merge still waits for that photo."""
    parts = caller.settings.data / "objects" / "parts"
    project, group = caller.begun()
    url = urlsplit(caller.upload_url(project, group, "01.jpg").json()["uploadUrl"])
    with socket.create_connection((url.hostname, url.port)) as connection:
        head = f"PUT {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n"
        connection.sendall(head.encode() + bytes(2500))
        wait_for(lambda: list(parts.iterdir()))
    wait_for(lambda: not list(parts.iterdir()))
    assert "no photo" in caller.enhance(project, group).json()["error"]


def test_a_put_may_be_repeated(caller: Caller, put_url: str) -> None:
    """A client that lost the answer sends the photo again."""
    for content in (caller.jpeg((1, 2, 3)), caller.jpeg((200, 2, 3))):
        assert caller.storage.put(put_url, content=content).status_code == 200
    assert uploaded(caller, put_url) == content


def test_a_large_upload_arrives_whole(caller: Caller, put_url: str) -> None:
    content = bytes(range(256)) * 4096 * 12
    assert caller.storage.put(put_url, content=content).status_code == 200
    assert uploaded(caller, put_url) == content
