"""`hotfolder run --page`: a page process beside the daemon, which doesn't affect it."""

from __future__ import annotations

import json
import os
import signal
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.pictures import bracket
from tests.support.studio import FILE_TIMEOUT_SECONDS, MakeStudio, Run, Shop, Studio, wait_for

pytestmark = pytest.mark.long


@pytest.fixture
def studio(make_studio: MakeStudio, free_port: int) -> Studio:
    return make_studio(page={"port": free_port})


def told(run: Run, event: str) -> list[dict[str, Any]]:
    lines = [line for line in run.text().splitlines() if f'"{event}"' in line]
    return [json.loads(line) for line in lines]


def answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=FILE_TIMEOUT_SECONDS) as channel:
            channel.sendall(f"GET / HTTP/1.0\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            return channel.recv(20).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def pages_of(run: Run) -> list[int]:
    """The page processes of that daemon."""
    beside = [b"--beside", str(run.process.pid).encode()]
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (process / "cmdline").read_bytes().split(b"\0")[-3:-1] == beside:
                found.append(int(process.name))
    return found


def test_the_page_comes_and_goes_with_the_daemon(studio: Studio, free_port: int) -> None:
    run = studio.start("--page")
    wait_for(lambda: answers(free_port), run.text)
    [page] = pages_of(run)
    assert run.stop() == 0
    assert not pages_of(run) and told(run, "page_stopped")
    with pytest.raises(ProcessLookupError):
        os.kill(page, 0)


def test_a_page_outlives_no_daemon_that_is_killed(studio: Studio, free_port: int) -> None:
    run = studio.start("--page")
    wait_for(lambda: answers(free_port), run.text)
    assert run.stop(signal.SIGKILL) == -signal.SIGKILL
    wait_for(lambda: not pages_of(run), run.text)


def test_a_page_that_is_killed_often_changes_no_job(studio: Studio, free_port: int, shop: Shop) -> None:
    """The page is restarted each time; the daemon makes its picture meanwhile, and pays once."""
    run = studio.start("--page")
    studio.drop("12 Elm Road", "kitchen", bracket())
    for _ in range(5):
        [page] = wait_for(lambda: pages_of(run), run.text)
        os.kill(page, signal.SIGKILL)
        wait_for(lambda: page not in pages_of(run), run.text)  # noqa: B023 - called at once
    studio.wait_for_states("done")
    wait_for(lambda: answers(free_port), run.text)
    assert run.stop() == 0
    assert shop.bought() == 1 and len(told(run, "page_ended")) == 5
    assert studio.call("verify").returncode == 0
    # It is back within seconds, however often it was killed.
    assert [line["again_in_seconds"] for line in told(run, "page_ended")] == [1, 2, 4, 4, 4]


def test_a_page_that_can_t_be_served_is_tried_ever_more_seldom(studio: Studio, free_port: int) -> None:
    with socket.create_server(("127.0.0.1", free_port)):
        run = studio.start("--page")
        wait_for(lambda: len(told(run, "page_ended")) == 4, run.text)
        assert [line["again_in_seconds"] for line in told(run, "page_ended")] == [1, 2, 4, 8]
        assert run.stop() == 0


def test_the_daemon_does_not_start_beside_a_page_that_would_be_open_to_all(make_studio: MakeStudio) -> None:
    studio = make_studio(page={"host": "0.0.0.0"})
    refused = studio.call("run", "--sandbox", "--page", "--until-idle")
    assert refused.returncode == 2 and "there is no password yet" in refused.stderr


def test_a_start_that_is_refused_ends_its_page_too(studio: Studio) -> None:
    """The store says no as soon as the page is to begin: here since a hotfolder works with that state."""
    studio.start()
    refused = studio.start("--page")
    assert refused.wait() == 2, refused.text()
