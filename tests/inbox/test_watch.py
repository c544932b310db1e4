"""The observer is a wake-up: it says where to look, and its death or absence costs nothing but time."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hotfolder.inbox import watch
from hotfolder.inbox.contents import SetKey
from hotfolder.inbox.watch import Hints, Observing
from hotfolder.mounts import Mount


class Listener:
    def __init__(self, root: Path, clock: Any) -> None:
        self.woken = asyncio.Event()
        self.hints = Hints(root, self.woken.set, asyncio.get_running_loop())
        self.observing = Observing(root, self.hints, clock)

    async def heard(self) -> tuple[frozenset[SetKey], bool]:
        """Everything hinted at within a while after the next wake-up."""
        await asyncio.wait_for(self.woken.wait(), 5)
        await asyncio.sleep(0.15)
        self.woken.clear()
        return self.hints.take()

    async def silent(self) -> bool:
        await asyncio.sleep(0.3)
        return not self.woken.is_set()


@pytest.fixture
async def listener(root: Path, clock: Any) -> AsyncIterator[Listener]:
    made = Listener(root, clock)
    yield made
    await asyncio.to_thread(made.observing.stop)


def place(root: Path) -> tuple[int, int]:
    return (root.stat().st_dev, root.stat().st_ino)


async def test_a_file_in_a_set_hints_at_that_set(listener: Listener, root: Path) -> None:
    (root / "p" / "kitchen").mkdir(parents=True)
    await asyncio.to_thread(listener.observing.ensure, place(root))
    (root / "p" / "kitchen" / "a.jpg").write_bytes(b"x")
    assert await listener.heard() == ({("p", "kitchen")}, False)


async def test_a_new_folder_hints_at_everything(listener: Listener, root: Path) -> None:
    await asyncio.to_thread(listener.observing.ensure, place(root))
    (root / "p").mkdir()
    assert (await listener.heard())[1]


async def test_reading_and_our_own_files_wake_nobody(listener: Listener, root: Path) -> None:
    """Else every scan and every STATUS.txt would cause the next scan."""
    (root / "p" / "kitchen").mkdir(parents=True)
    photo = root / "p" / "kitchen" / "a.jpg"
    photo.write_bytes(b"x")
    await asyncio.to_thread(listener.observing.ensure, place(root))
    photo.read_bytes()
    list(photo.parent.iterdir())
    fresh = root / ".STATUS.txt.1.tmp"
    fresh.write_text("1 set is waiting")
    fresh.replace(root / "STATUS.txt")
    (root / ".hotfolder-root").write_text("x")
    assert await listener.silent()


async def test_a_dead_observer_is_replaced(listener: Listener, root: Path) -> None:
    (root / "p" / "kitchen").mkdir(parents=True)
    await asyncio.to_thread(listener.observing.ensure, place(root))
    observer = listener.observing._observer
    assert observer is not None
    for emitter in observer.emitters:
        emitter.stop()
        await asyncio.to_thread(emitter.join)
    assert observer.is_alive()
    assert not listener.observing.alive
    await asyncio.to_thread(listener.observing.ensure, place(root))
    assert listener.observing.alive
    (root / "p" / "kitchen" / "a.jpg").write_bytes(b"x")
    assert ("p", "kitchen") in (await listener.heard())[0]


async def test_a_recreated_root_is_watched_anew(listener: Listener, root: Path) -> None:
    await asyncio.to_thread(listener.observing.ensure, place(root))
    root.rename(root.with_name("old"))
    (root / "p" / "kitchen").mkdir(parents=True)
    await asyncio.to_thread(listener.observing.ensure, place(root))
    listener.hints.take()
    listener.woken.clear()
    (root / "p" / "kitchen" / "a.jpg").write_bytes(b"x")
    assert ("p", "kitchen") in (await listener.heard())[0]


async def test_without_descriptors_to_spare_there_is_no_observer_and_no_crash(
    listener: Listener, root: Path, clock: Any
) -> None:
    """As with the system's limit on watches, which a test can't set: the same OSError, another number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        for _ in range(3):
            listener.observing.ensure(place(root))
            assert not listener.observing.alive
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    listener.observing.ensure(place(root))
    assert not listener.observing.alive, "a tree of folders is not walked at every look for nothing"
    clock.pass_seconds(300)
    listener.observing.ensure(place(root))
    assert listener.observing.alive


async def test_hints_after_the_loop_has_ended_are_dropped(root: Path) -> None:
    ended = asyncio.new_event_loop()
    ended.close()
    Hints(root, lambda: None, ended).touch(root / "p" / "kitchen" / "a.jpg", folder=False)


async def test_an_inbox_that_was_away_is_observed_anew_even_where_the_same_folder_came_back(
    listener: Listener, root: Path
) -> None:
    """Watches end with what was mounted, without a word, and the threads that wait for them live on."""
    await asyncio.to_thread(listener.observing.ensure, place(root))
    assert not await asyncio.to_thread(listener.observing.ensure, place(root)), "it goes on"
    listener.observing.forget_place()
    assert not listener.observing.fits(place(root))
    assert await asyncio.to_thread(listener.observing.ensure, place(root))
    assert listener.observing.alive and listener.observing.fits(place(root))


@pytest.mark.parametrize(("kind", "observed"), [("cifs", False), ("fuse.bindfs", True), ("ext4", True)])
async def test_a_file_system_that_may_not_announce_is_named(
    listener: Listener, root: Path, monkeypatch: pytest.MonkeyPatch, *, kind: str, observed: bool
) -> None:
    monkeypatch.setattr(watch, "mount_of", lambda path: Mount(path, kind))
    await asyncio.to_thread(listener.observing.ensure, place(root))
    assert listener.observing.alive is observed
    expected = "" if kind == "ext4" else f"{kind} may not announce what others do"
    assert listener.observing.why_none == expected
