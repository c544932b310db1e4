"""File system events only say where to look; without them changes are found later."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from anyio import to_thread
from watchdog.events import FileCreatedEvent

from hotfolder.inbox import watch
from hotfolder.inbox.contents import SetKey
from hotfolder.inbox.watch import Watch
from hotfolder.mounts import Mount
from tests.support.studio import FILE_TIMEOUT_SECONDS, until

KITCHEN = ("p", "kitchen")


class Listener:
    def __init__(self, root: Path, clock: Any) -> None:
        self.root = root
        self.woken = asyncio.Event()
        self.touched: set[SetKey | None] = set()
        self.watch = Watch(root, clock, self.touch)

    def touch(self, key: SetKey | None) -> None:
        self.touched.add(key)
        self.woken.set()

    def take(self) -> frozenset[SetKey] | None:
        """The sets touched since the last call; None where any set may have been."""
        touched, self.touched = self.touched, set()
        return None if None in touched else frozenset(key for key in touched if key is not None)

    async def begin(self) -> None:
        """Start watching, and drop the hint at everything that the start gives."""
        self.ensure()
        assert await self.heard() is None
        assert self.watch.alive

    def ensure(self) -> None:
        self.watch.ensure((self.root.stat().st_dev, self.root.stat().st_ino))

    async def heard(self) -> frozenset[SetKey] | None:
        """All hints that come soon after the next wake-up."""
        await asyncio.wait_for(self.woken.wait(), FILE_TIMEOUT_SECONDS)
        await asyncio.sleep(0.15)
        self.woken.clear()
        return self.take()

    async def silent(self) -> bool:
        await asyncio.sleep(0.3)
        return not self.woken.is_set()


@pytest.fixture
async def listener(root: Path, clock: Any) -> AsyncIterator[Listener]:
    made = Listener(root, clock)
    yield made
    await made.watch.stop()


@pytest.fixture
def kitchen(root: Path) -> Path:
    folder = root.joinpath(*KITCHEN)
    folder.mkdir(parents=True)
    return folder


async def test_a_file_hints_at_its_set_and_a_new_folder_at_everything(
    listener: Listener, root: Path, kitchen: Path
) -> None:
    await listener.begin()
    (kitchen / "a.jpg").write_bytes(b"x")
    assert await listener.heard() == frozenset({KITCHEN})
    (root / "q").mkdir()
    assert await listener.heard() is None


async def test_reading_and_our_own_files_wake_nobody(listener: Listener, root: Path, kitchen: Path) -> None:
    """Otherwise every scan and every STATUS.txt would cause the next scan."""
    photo = kitchen / "a.jpg"
    photo.write_bytes(b"x")
    await listener.begin()
    photo.read_bytes()
    list(kitchen.iterdir())
    fresh = root / ".STATUS.txt.1.tmp"
    fresh.write_text("1 set is waiting")
    fresh.replace(root / "STATUS.txt")
    (root / ".hotfolder-root").write_text("x")
    assert await listener.silent()


async def test_an_event_of_another_place_raises_nothing_in_the_thread_that_brings_it(
    listener: Listener,
) -> None:
    """An exception there would end all events, without a word."""
    listener.watch.on_any_event(FileCreatedEvent("/somewhere/else/a.jpg"))
    assert await listener.silent()


async def test_it_is_begun_anew_only_when_another_folder_is_there_or_it_was_away(
    listener: Listener, root: Path
) -> None:
    """Watches end silently with their mount, and the threads that wait for them stay."""
    await listener.begin()
    listener.ensure()
    assert await listener.silent(), "it goes on"
    root.rename(root.with_name("old"))
    root.joinpath(*KITCHEN).mkdir(parents=True)
    listener.ensure()
    await listener.heard()
    root.joinpath(*KITCHEN, "a.jpg").write_bytes(b"x")
    assert await listener.heard() == frozenset({KITCHEN})
    listener.watch.forget_folder()
    await listener.begin()


async def test_without_descriptors_to_spare_there_are_no_events_and_no_crash(
    listener: Listener, clock: Any
) -> None:
    """The system's limit on watches gives the same OSError with another number, and a test can't set it."""
    await to_thread.run_sync(lambda: None)  # start its thread
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        for _ in range(3):
            listener.ensure()
            await asyncio.sleep(0.1)
            assert not listener.watch.alive
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    listener.ensure()
    assert await listener.silent(), "a tree of folders is not walked at every look for nothing"
    clock.pass_seconds(300)
    await listener.begin()


@pytest.mark.parametrize(("kind", "observed"), [("cifs", False), ("fuse.bindfs", True), ("ext4", True)])
async def test_a_file_system_that_may_not_announce_is_named(
    listener: Listener, monkeypatch: pytest.MonkeyPatch, *, kind: str, observed: bool
) -> None:
    monkeypatch.setattr(watch, "mount_of", lambda path: Mount(path, kind))
    listener.ensure()
    await until(lambda: listener.watch.why_unreliable != "not looked yet")
    assert listener.watch.alive is observed
    assert listener.watch.why_unreliable == (
        "" if kind == "ext4" else f"{kind} may not announce what others do"
    )


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_events_come_again_after_a_thread_of_watchdog_has_failed(
    listener: Listener, root: Path, kitchen: Path, tmp_path: Path
) -> None:
    """A folder is dragged out and deleted after another one had its name for a while: watchdog 7.1 meets a
    KeyError in the thread that reads all events, and its observer doesn't tell."""
    await listener.begin()
    kitchen.rename(tmp_path / "dragged out")
    kitchen.mkdir()
    await listener.heard()
    kitchen.rename(kitchen.with_name("kitchen__sky-blue"))
    await listener.heard()
    (tmp_path / "dragged out").rmdir()
    renamed = (KITCHEN[0], "kitchen__sky-blue")
    for number in range(200):
        listener.ensure()
        root.joinpath(*renamed, f"{number}.jpg").write_bytes(b"x")
        await asyncio.sleep(0.1)
        if renamed in (listener.take() or ()):
            return
    pytest.fail("no event comes any more")
