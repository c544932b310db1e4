"""Signals: how a running daemon ends, and that the next one continues its work."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from hotfolder.errors import Unreachable
from hotfolder.jobs.worker import cancel_all
from tests.support.pictures import bracket
from tests.support.processes import children_of
from tests.support.studio import ELM, MERGE, SKY, MakeStudio, Run, Shop, Studio, begun, environment, wait_for

ROOM = "living-room__sky-twilight"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_a_signal_stops_it_soon_and_the_next_start_goes_on_without_paying_again(
    shop: Shop, studio: Studio, number: int, code: int
) -> None:
    shop.goes_wrong({"endpoint": "group-get", "fault": "never"})
    dropped = {"kitchen": bracket(), "bath": bracket(), "hall": bracket()}
    for room, photos in dropped.items():
        studio.drop(ELM, room, photos)
    run = studio.start()
    studio.wait_until(lambda status: status["counts"].get("merging") == 3)
    began = time.monotonic()
    assert run.stop(number) == code
    assert time.monotonic() - began < 30
    shop.goes_wrong()
    await studio.until_idle()
    assert studio.states() == ["done"] * 3
    assert shop.bought() == shop.bought(MERGE) == 3
    for room, photos in dropped.items():
        assert studio.filed(room) == photos


def in_flight(shop: Shop, studio: Studio, seconds: float) -> Run:
    """A daemon that waits for the answer to its sky request, which takes that many seconds."""
    shop.goes_wrong({"endpoint": "sky", "fault": "hang", "seconds": seconds})
    studio.drop(ELM, ROOM, bracket())
    run = studio.start()
    wait_for(lambda: shop.bought(SKY), run.text)
    return run


async def test_a_paid_operation_in_flight_is_waited_for_and_its_answer_kept(
    shop: Shop, studio: Studio
) -> None:
    run = in_flight(shop, studio, seconds=3)
    assert run.stop(signal.SIGTERM) == 0
    assert '"draining"' in run.text()
    await studio.until_idle()
    assert studio.states() == ["done"]
    assert (shop.bought(MERGE), shop.bought(SKY)) == (1, 1)
    assert (studio.done / ELM / f"{ROOM}.png").is_file()


def test_a_second_ctrl_c_ends_it_at_once_even_with_a_paid_operation_in_flight(
    shop: Shop, studio: Studio
) -> None:
    run = in_flight(shop, studio, seconds=600)
    run.process.send_signal(signal.SIGINT)
    wait_for(lambda: '"draining"' in run.text(), run.text)
    assert run.process.poll() is None
    began = time.monotonic()
    assert run.stop(signal.SIGINT) == 130
    assert time.monotonic() - began < 30


def test_an_address_of_messages_that_never_ends_its_answer_holds_no_stop_up_for_long(
    make_studio: MakeStudio,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, ThreadPoolExecutor(1) as thread:
        studio = make_studio(notify={"urls": [f"json://127.0.0.1:{listener.getsockname()[1]}/x"]})
        studio.drop(ELM, "kitchen__sky-twilihgt", bracket())
        run = studio.start()
        studio.wait_for_states("failed")
        dripping = thread.submit(drip, listener)
        began = time.monotonic()
        assert run.stop() == 0
        assert time.monotonic() - began < 10
        assert dripping.result() > 3


def drip(listener: socket.socket) -> int:
    """Answer one request with a header line every half second; the number of lines until the client gave
    up."""
    channel, _ = listener.accept()
    lines = 0
    with channel, suppress(OSError):
        channel.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            channel.sendall(b"X-Number: 1\r\n")
            lines += 1
            time.sleep(0.5)
    return lines


def test_an_embedded_sandbox_has_its_old_addresses_at_the_next_start(studio: Studio) -> None:
    ports = set()
    for room, states in (("kitchen", ["done"]), ("hall", ["done", "done"])):
        run = studio.start("--sandbox")
        studio.drop(ELM, room, bracket())
        studio.wait_for_states(*states)
        assert run.stop() == 0
        ports.add((studio.state / "sandbox" / "ports.json").read_text())
    assert len(ports) == 1


def test_the_embedded_sandbox_ends_with_its_daemon(studio: Studio) -> None:
    run = studio.start("--sandbox")
    children = children_of(run.process.pid)
    assert children
    began = time.monotonic()
    assert run.stop(signal.SIGINT) == 130
    assert time.monotonic() - began < 30
    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


def test_a_stop_that_comes_while_it_begins_is_clean(studio: Studio) -> None:
    """SIGTERM arrives while the embedded sandbox starts, before the daemon runs."""
    run = begun(studio.command("run", "--sandbox"), studio.root / "run.log", environment(None), really=True)
    studio.runs.append(run)
    wait_for(lambda: children_of(run.process.pid), run.text)
    [sandbox] = children_of(run.process.pid)
    assert run.stop() == 0
    assert '"started"' not in run.text()
    wait_for(lambda: not Path(f"/proc/{sandbox}").exists(), run.text)


def test_the_page_says_when_it_was_so_and_that_hotfolder_was_stopped(studio: Studio) -> None:
    told = studio.status_page
    studio.drop("12 Elm Road", "kitchen", bracket())
    run = studio.start()
    studio.wait_for_states("done")
    studio.drop("12 Elm Road", "hall_sky-blue", bracket())
    studio.wait_until(lambda _: "Needs a person: 1 12 Elm Road / hall_sky-blue: held" in told())
    assert re.search(r"As of \d\d:\d\d, \d+ \w+ \d{4} ", told()) and "READY.txt" in told()
    assert re.search(r"12 Elm Road: 1 of 2 rooms, the last at \d\d:\d\d ", told())
    with studio.config.open("a") as config:
        config.write("rooots: 1\n")
    studio.wait_until(lambda _: "those before it stay in force" in told())
    assert run.stop() == 0
    assert re.search(r"hotfolder was stopped at \d\d:\d\d, ", told())
    assert "nothing starts with them: " in told() and "stay in force" not in told()
    assert "As of" not in told() and "Being worked on" not in told()
    assert "hall_sky-blue: held" in studio.say("status").stdout


async def test_a_task_whose_group_swallows_the_first_cancellation_ends_all_the_same() -> None:
    """A set's uploads may just be being cancelled after an error."""
    calling_off = asyncio.Event()

    async def slow_to_end() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            calling_off.set()
            await asyncio.sleep(0.05)

    async def failing() -> None:
        await asyncio.sleep(0)
        raise Unreachable("no answer")

    async def job() -> None:
        while True:
            try:
                async with asyncio.TaskGroup() as uploads:
                    uploads.create_task(slow_to_end())
                    uploads.create_task(failing())
            except* Unreachable:
                await asyncio.sleep(60)

    task = asyncio.create_task(job())
    await calling_off.wait()
    async with asyncio.timeout(120):
        await cancel_all([task])
    assert task.cancelled()
