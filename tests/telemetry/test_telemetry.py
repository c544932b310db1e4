"""Telemetry as a whole, as in a daemon: a socket for systemd, pages over HTTP, and notifications."""

from __future__ import annotations

import asyncio
import json
import math
import socket
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlmodel import update

from hotfolder.clock import SystemClock
from hotfolder.config.load import load
from hotfolder.daemon import folders
from hotfolder.jobs.model import Machine
from hotfolder.jobs.states import State
from hotfolder.jobs.store import Store
from hotfolder.telemetry.notifications import Kind
from hotfolder.telemetry.overview import Line, Overview
from hotfolder.telemetry.telemetry import ENDED_IN, NOTIFIER_STATE, Telemetry
from tests.support.pictures import bracket
from tests.support.postgres import Postgres
from tests.support.receiver import Manager, Receiver
from tests.support.studio import ELM, MakeStudio, until


def telemetry_of(folder: Path, port: int | None = None, notify: str = "{}") -> Telemetry:
    path = folder / "config.yaml"
    path.write_text(f"root: .\nnotify: {notify}\nweb: {{port: {port or ''}}}\n")
    return Telemetry(load(path, {}), SystemClock())


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    """The systemd that the environment names, with a watchdog of two minutes."""
    made = Manager(str(tmp_path / "notify"))
    monkeypatch.setenv("NOTIFY_SOCKET", made.address)
    monkeypatch.setenv("WATCHDOG_USEC", "120000000")
    yield made
    made.socket.close()


@asynccontextmanager
async def at_work(telemetry: Telemetry) -> AsyncIterator[asyncio.Task[None]]:
    running = asyncio.create_task(telemetry.run())
    yield running
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await telemetry.close()


def fetch(telemetry: Telemetry, path: str) -> tuple[int, str]:
    assert telemetry.server is not None
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{telemetry.server.port}{path}", timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def get(telemetry: Telemetry, path: str) -> tuple[int, str]:
    return await asyncio.to_thread(fetch, telemetry, path)


async def test_the_pages_follow_what_goes_on(tmp_path: Path, free_port: int) -> None:
    """It is not ready before the first overview, ready after it, not while a share is away; always
    healthy."""
    telemetry = telemetry_of(tmp_path, free_port)
    telemetry.heartbeats.expect("scan", 60)
    async with at_work(telemetry):
        await until(lambda: telemetry.server is not None and telemetry.server.port > 0)
        assert (await get(telemetry, "/readyz"))[0] == 503
        await telemetry.see(Overview((), {"queued": 2}))
        assert (await get(telemetry, "/readyz"))[0] == 200
        await telemetry.see(Overview((), {"queued": 2}, degraded={"inbox": "it is not mounted"}))
        status, body = await get(telemetry, "/readyz")
        assert status == 503
        assert json.loads(body)["reasons"] == ["Nothing comes in from inbox: it is not mounted."]
        assert (await get(telemetry, "/healthz"))[0] == 200
        telemetry.metrics.paid("merge", "12 Elm Road")
        assert 'hotfolder_paid_calls_total{operation="merge"} 1.0' in (await get(telemetry, "/metrics"))[1]
        assert 'hotfolder_jobs{state="queued"} 2.0' in (await get(telemetry, "/metrics"))[1]


async def test_health_is_told_while_the_event_loop_hangs(tmp_path: Path, free_port: int) -> None:
    """The pages have a thread of their own, so that a hang can be seen from outside, with its name."""
    telemetry = telemetry_of(tmp_path, free_port)
    telemetry.heartbeats.expect("queue", 0.2)
    async with at_work(telemetry):
        await until(lambda: telemetry.server is not None and telemetry.server.port > 0)

        def look_later() -> tuple[int, str]:
            time.sleep(0.5)
            return fetch(telemetry, "/healthz")

        answer = asyncio.get_running_loop().run_in_executor(None, look_later)
        time.sleep(1.0)  # noqa: ASYNC251
        status, body = await answer
        assert status == 503 and "the queue has not moved" in body


async def test_systemd_hears_the_whole_life(tmp_path: Path, manager: Manager) -> None:
    """Ready, the status as it changes, a reload, pings, and the stop with what it waits for."""
    telemetry, heard = telemetry_of(tmp_path), list[str]()

    def hears() -> bool:
        heard.extend(manager.heard())
        return bool(heard)

    await telemetry.see(Overview((), {"queued": 1}))
    async with at_work(telemetry):
        await until(hears)
        telemetry.ready()
        await telemetry.see(Overview((), {"merging": 1}))
        telemetry.reloading()
        telemetry.ready()
        telemetry.stopping(2)
        await telemetry.see(Overview((), {}))
    hears()
    assert [one if "USEC" not in one else "RELOADING" for one in heard] == [
        "WATCHDOG=1",
        "READY=1\nSTATUS=1 waiting for its turn",
        "STATUS=1 being merged",
        "RELOADING",
        "READY=1\nSTATUS=1 being merged",
        "STOPPING=1\nSTATUS=stopping, waiting for 2 paid calls to be answered",
    ]


async def test_a_paid_call_that_begins_while_something_hangs_feeds_the_watchdog_soon(
    tmp_path: Path, manager: Manager
) -> None:
    """Else the watchdog, not fed before, could end the process in the middle of the call."""
    telemetry, paying = telemetry_of(tmp_path), False
    last = lambda: telemetry.clock.monotonic() if paying else -math.inf  # noqa: E731
    telemetry.heartbeats.expect("outputs", 0.1, last=last)
    await asyncio.sleep(0.2)
    async with at_work(telemetry):
        await until(lambda: any("hung" in one for one in manager.heard()))
        paying = True
        await until(lambda: "WATCHDOG=1" in manager.heard())


async def test_a_taken_port_does_not_keep_the_daemon_from_its_work(tmp_path: Path) -> None:
    """It is logged with advice, and the daemon continues."""
    other = socket.create_server(("127.0.0.1", 0))
    telemetry = telemetry_of(tmp_path, other.getsockname()[1])
    async with at_work(telemetry) as running:
        await asyncio.sleep(0.1)
        assert not running.done()
    other.close()


async def test_a_run_that_ends_because_all_is_done_tells_of_its_projects(
    tmp_path: Path, receiver: Receiver
) -> None:
    """Whoever runs it from time to time need not wait for a quiet time that never comes."""
    telemetry = telemetry_of(tmp_path, notify=f"{{urls: ['{receiver.address}']}}")
    for project, room in (("12 Elm Road", "attic"), ("3 Oak Lane", "hall")):
        done = Line("id", "inbox", project, room, room, "done")
        telemetry.notifier.queue(*telemetry.notifier.detector.ended(done))
    await telemetry.see(Overview((Line("id", "inbox", "3 Oak Lane", "bath", "bath", "queued"),), {}))
    await telemetry.close(all_done=True)
    (got,) = receiver.got
    assert got["message"].startswith("12 Elm Road: 1 set is done.")


def test_a_full_disk_is_named_and_one_that_is_away_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = {"done": tmp_path, "state": tmp_path / "away"}
    monkeypatch.setattr(folders, "FULL_BYTES", 1)
    assert folders.full_disks(there) == []
    monkeypatch.setattr(folders, "FULL_BYTES", 2**62)
    assert folders.full_disks(there) == ["done"]
    assert folders.full_disks({"done": Path("/proc")}) == []  # it names no size, as some shares


async def test_a_machine_that_was_late_does_not_take_over_its_own_messages(
    make_studio: MakeStudio, postgres: Postgres, receiver: Receiver
) -> None:
    """Its sign of life has run out, as after a pause of its virtual machine."""
    store = {"url": postgres.fresh().url, "lease_seconds": 600}
    studio = make_studio(store=store, notify={"urls": [receiver.address], "gather_seconds": 600})
    studio.drop(ELM, "hall__skyblu", bracket(1))
    async with studio.working() as daemon:
        [recipient] = daemon.telemetry.notifier.recipients.values()
        await until(lambda: "JOB_FAILED" in str(daemon.context.store.published(NOTIFIER_STATE)))
        with daemon.context.store.session.begin() as session:
            session.execute(update(Machine).values(alive_until=datetime.now(UTC) - timedelta(hours=1)))
        await daemon.telemetry.see(daemon.telemetry.seen or Overview((), {}))
        assert recipient.batches.by_kind[Kind.JOB_FAILED].count == 1


async def test_a_job_that_ends_while_the_database_hangs_is_told_of_and_its_price_is_read_later(
    make_studio: MakeStudio, postgres: Postgres, receiver: Receiver
) -> None:
    """With prices, what it has paid for is asked of the store."""
    database = postgres.fresh()
    notify = {"urls": [receiver.address], "gather_seconds": 600}
    studio = make_studio(store={"url": database.url}, prices={"merge": 0.8}, notify=notify)
    studio.drop(ELM, "hall__skyblu", bracket(1))
    async with studio.working() as daemon:
        [recipient] = daemon.telemetry.notifier.recipients.values()
        await until(lambda: Kind.JOB_FAILED in recipient.batches.by_kind)
        [job] = daemon.context.store.in_states([State.FAILED])
        with psycopg.connect(database.url.replace("+psycopg", "")) as another:
            another.execute("LOCK TABLE purchase IN ACCESS EXCLUSIVE MODE")
            daemon.telemetry.ended(job)
            assert recipient.batches.by_kind[Kind.JOB_FAILED].count == 2
        await daemon.telemetry.see(daemon.telemetry.seen or Overview((), {}))


async def test_a_finished_project_is_not_forgotten_by_a_kill_while_it_is_remembered(
    make_studio: MakeStudio, postgres: Postgres, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where machines share a store, what is to be sent and what has ended in an inbox are two records."""
    notify = {"urls": [receiver.address], "gather_seconds": 600, "finished_quiet_seconds": 1}
    studio = make_studio(store={"url": postgres.fresh().url}, notify=notify)
    publish, written = Store.publish, list[str]()
    async with studio.working() as daemon:
        [recipient] = daemon.telemetry.notifier.recipients.values()

        def killed_after_one(store: Store, name: str, *content: Any, **more: Any) -> None:
            if recipient.batches.by_kind and name in (NOTIFIER_STATE, f"{ENDED_IN}inbox"):
                written.append(name)
            if len(written) < 2:
                publish(store, name, *content, **more)

        monkeypatch.setattr(Store, "publish", killed_after_one)
        studio.drop(ELM, "kitchen", bracket())
        await until(lambda: len(written) > 1)
        store = daemon.context.store
        state, ended = store.published(NOTIFIER_STATE), store.published(f"{ENDED_IN}inbox", shared=True)
        waiting = [one["groups"] for one in state["gathered"].values()]
        assert ended or any(Kind.PROJECT_FINISHED.name in groups for groups in waiting)
