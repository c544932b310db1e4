"""`hotfolder page` as a process: it serves, shows errors as pages, and stops on a signal."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import socket

import pytest
from starlette.applications import Starlette

from hotfolder.page.app import recorded_signals, server_of
from hotfolder.telemetry.web import listening
from tests.support.pageprocess import PageProcess, page_process
from tests.support.studio import FILE_TIMEOUT_SECONDS, Studio


def test_the_page_is_served_in_both_languages(page: PageProcess) -> None:
    english = page.get("/")
    assert (english.status, english.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert '<html lang="en">' in english.text and ">Now<" in english.text
    assert ">Jetzt<" in page.get("/", Accept_Language="fr, de-AT;q=0.8, en;q=0.5").text
    assert ">Jetzt<" in page.get("/?lang=de").text
    assert ">Jetzt<" in page.get("/").text  # remembered


def test_every_answer_forbids_what_a_browser_might_be_talked_into(page: PageProcess) -> None:
    for path in ("/", "/nothing", "/static/page.css", "/static/nothing"):
        headers = page.get(path).headers
        policy = headers["content-security-policy"]
        assert policy.startswith("default-src 'none'") and "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in policy


def test_an_error_is_a_page_with_a_sentence(page: PageProcess) -> None:
    missing = page.get("/nothing")
    assert missing.status == 404 and "There is nothing here, or not any more." in missing.text
    assert page.post("/").status == 405


def test_style_is_sent_once(page: PageProcess) -> None:
    first = page.get("/static/page.css")
    assert (first.status, first.headers["content-type"]) == (200, "text/css; charset=utf-8")
    again = page.get("/static/page.css", If_None_Match=first.headers["etag"])
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_it_ends_when_told_to(page: PageProcess, number: int, code: int) -> None:
    assert page.get("/").status == 200
    assert page.stop(number) == code
    assert "Traceback" not in page.text()


def test_it_ends_in_time_while_browsers_listen_for_news(page: PageProcess) -> None:
    with socket.create_connection(("127.0.0.1", page.port), timeout=FILE_TIMEOUT_SECONDS) as channel:
        channel.sendall(f"GET /live HTTP/1.1\r\nHost: 127.0.0.1:{page.port}\r\n\r\n".encode())
        assert channel.recv(100).startswith(b"HTTP/1.1 200")
        assert page.stop() == 0
    assert "Traceback" not in page.text()


def test_who_asks_only_for_the_head_of_news_is_answered_at_once(page: PageProcess) -> None:
    """It isn't counted as a listener: the connection is free for the next request."""
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=FILE_TIMEOUT_SECONDS)
    for method, path in (("HEAD", "/live"), ("HEAD", "/live"), ("GET", "/static/page.css")):
        connection.request(method, path)
        answer = connection.getresponse()
        assert answer.status == 200 and bool(answer.read()) is (method == "GET")
    connection.close()


def test_a_stop_before_the_server_hears_of_any_ends_it() -> None:
    server = server_of(Starlette())
    with listening("A test", "127.0.0.1", 0, "") as listener, recorded_signals(server) as signals:
        os.kill(os.getpid(), signal.SIGTERM)
        asyncio.run(asyncio.wait_for(server.serve(sockets=[listener]), FILE_TIMEOUT_SECONDS))
    assert signals == [signal.SIGTERM]


def test_a_port_in_use_is_told(studio: Studio, page: PageProcess) -> None:
    refused = studio.call("page", "--port", str(page.port))
    assert refused.returncode == 3 and "Address already in use" in refused.stderr
    assert "page.port" in refused.stderr


def test_a_page_of_another_host_and_port_than_the_settings_say(studio: Studio) -> None:
    studio.edit(page={"host": "127.0.0.9", "port": 1})
    with page_process(studio, "--host", "127.0.0.1") as process:
        assert process.get("/").status == 200
