"""A running inbox with the real clock and observer, and files that arrive as in practice."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from hotfolder.clock import SystemClock
from hotfolder.inbox.events import InboxEvent, InboxOptions, SetArriving
from hotfolder.inbox.inbox import Inbox
from hotfolder.mounts import Mount
from hotfolder.rules.routes import Route
from hotfolder.rules.routing import Defaults, Rulebook
from hotfolder.rules.sets import BracketSet
from tests.inbox.conftest import quick
from tests.support.listening import Heard, listening
from tests.support.pictures import jpeg
from tests.support.studio import until

Drop = Callable[..., Path]
Open = Callable[..., Inbox]
Running = Callable[..., Any]
QUIET = 0.6


@pytest.fixture
def running(open_inbox: Open) -> Running:
    """`async with running(scan_seconds=…)`: the events of a running inbox on `root`."""

    @asynccontextmanager
    async def run(
        *, scan_seconds: float = 60.0, expected: int | None = None, quiet_seconds: float = QUIET
    ) -> AsyncIterator[Heard]:
        inbox = open_inbox(
            clock=SystemClock(),
            settings=InboxOptions(
                scan_seconds=scan_seconds,
                rulebook=Rulebook(
                    routes=(Route(name="all", brackets=expected),),
                    defaults=Defaults(quiet_seconds=quiet_seconds),
                ),
            ),
        )
        async with listening(inbox) as heard:
            await asyncio.sleep(0.3)
            yield heard

    return run


def photos(event: InboxEvent) -> list[str]:
    assert isinstance(event, BracketSet)
    return [photo.name for photo in event.photos]


async def test_an_event_starts_the_look_and_quiet_ends_it(running: Running, drop: Drop) -> None:
    """The full scan is ten minutes away, so only events and the next timed look can find the set."""
    async with running(scan_seconds=600.0) as heard:
        began = time.monotonic()
        drop("12 Elm Road/kitchen", 3)
        assert photos((await heard.until(1))[0]) == ["IMG_1.jpg", "IMG_2.jpg", "IMG_3.jpg"]
        assert heard.events[0][0] - began >= QUIET


async def test_a_set_that_has_arrived_is_no_longer_said_to_be_on_its_way_back(
    running: Running, drop: Drop
) -> None:
    async with running(scan_seconds=600.0) as heard:
        gathering = drop("12 Elm Road/.hotfolder-back-w9xk4m2p", 3)
        await until(lambda: heard.inbox.status().notices)
        gathering.rename(gathering.with_name("kitchen"))
        assert len(photos((await heard.until(1))[0])) == 3
        assert heard.inbox.status().notices == ()


async def test_without_any_event_the_scan_finds_the_same(
    running: Running, drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hotfolder.inbox.watch.mount_of", lambda path: Mount(path, "cifs"))
    async with running(scan_seconds=0.2) as heard:
        drop("12 Elm Road/kitchen", 3)
        assert len(photos((await heard.until(1))[0])) == 3


async def test_a_preallocated_copy_with_an_old_mtime_is_waited_for(running: Running, root: Path) -> None:
    """Its size and modification time say nothing; only our own observations and the decoder do."""
    content = jpeg(1, (640, 480))
    folder = root / "12 Elm Road" / "kitchen"
    async with running() as heard:
        folder.mkdir(parents=True)
        path = folder / "a.jpg"
        with path.open("wb", buffering=0) as file:
            os.posix_fallocate(file.fileno(), 0, len(content))
            os.utime(path, (1, 1))
            await asyncio.sleep(QUIET + 0.4)
            assert heard.events == []
            file.write(content)
            os.utime(path, (1, 1))
        assert photos((await heard.until(1))[0]) == ["a.jpg"]


async def test_the_last_expected_photo_starts_the_set_at_once(running: Running, drop: Drop) -> None:
    """Its quiet time and the next full scan are far away."""
    async with running(expected=3, quiet_seconds=600.0, scan_seconds=600.0) as heard:
        drop("12 Elm Road/kitchen", 2)
        await asyncio.sleep(0.4)
        drop("12 Elm Road/kitchen", 1, first=3)
        assert len(photos((await heard.until(1))[0])) == 3


async def test_a_tree_moved_in_is_found(running: Running, drop: Drop, root: Path, tmp_path: Path) -> None:
    drop("12 Elm Road/kitchen", 2)
    (root / "12 Elm Road").rename(tmp_path / "aside")
    async with running() as heard:
        (tmp_path / "aside").rename(root / "14 Elm Road")
        (event,) = await heard.until(1)
        assert isinstance(event, BracketSet)
        assert event.project == "14 Elm Road"


async def test_a_root_that_is_replaced_comes_back_by_itself_and_is_watched_again(
    running: Running, drop: Drop, root: Path
) -> None:
    async with running() as heard:
        root.rename(root.with_name("kept"))
        drop("elsewhere/kitchen", 1)
        heard.inbox.forget("any", "thing")
        await until(lambda: heard.inbox.status().degraded)
        root.rename(root.with_name("stranger"))
        root.with_name("kept").rename(root)
        await until(lambda: not heard.inbox.status().degraded)
        drop("12 Elm Road/kitchen", 2)
        (event,) = await heard.until(1)
        assert isinstance(event, BracketSet)
        assert event.project == "12 Elm Road"


async def test_sets_that_have_settled_are_told_of_until_each_is_taken(open_inbox: Open, drop: Drop) -> None:
    """Where hundreds settle at once, the last of them wait for minutes, and nothing else would name them."""
    left = {"bath", "hall", "kitchen"}
    for room in left:
        drop(f"12 Elm Road/{room}", 1)
    inbox = open_inbox(**quick())
    async for event in inbox.events():
        if isinstance(event, BracketSet):
            assert {one.folder for one in inbox.status().settling} == left
            left.remove(event.folder)
        if not left:
            break


async def test_a_set_that_is_being_delivered_may_still_proceed(open_inbox: Open, drop: Drop) -> None:
    """Otherwise a run until idle could end between a set's last look and its job."""
    drop("12 Elm Road/kitchen", 1)
    inbox = open_inbox(**quick())
    seen: list[bool] = []

    async def slow() -> None:
        async for event in inbox.events():
            await asyncio.sleep(0.3)
            if isinstance(event, BracketSet):
                seen.append(inbox.status().may_proceed)

    task = asyncio.create_task(slow())
    await until(lambda: seen and not inbox.status().may_proceed)
    assert seen == [True]
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_time_in_which_the_process_stood_still_is_no_quiet_time(open_inbox: Open, drop: Drop) -> None:
    """It stands still while a set's photos are treated; what copies them may have been stopped with it."""
    drop("12 Elm Road/kitchen", 2)
    quiet = 3.2
    inbox = open_inbox(**quick(quiet_seconds=quiet, scan_seconds=60.0))
    copying: asyncio.Task[None] | None = None

    async def copy_on() -> None:
        await asyncio.sleep(1)
        drop("12 Elm Road/kitchen", 3, first=3)

    async for event in inbox.events():
        if isinstance(event, BracketSet):
            assert len(photos(event)) == 5
            break
        if copying is None and isinstance(event, SetArriving) and len(event.photos) == 2:
            time.sleep(quiet + 0.3)  # noqa: ASYNC251 - nothing of the process shall run
            copying = asyncio.create_task(copy_on())
    assert copying is not None and copying.done()
