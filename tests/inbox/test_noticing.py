"""Events or looking: decided by file system, by a file made to see, and by what came without an event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hotfolder.inbox import noticing
from hotfolder.inbox.noticing import AGAIN_SECONDS, GRACE_SECONDS, Noticing
from hotfolder.inbox.scan import scan
from hotfolder.inbox.watch import Hints, Watcher
from hotfolder.mounts import Mount

KITCHEN = ("12 Elm Road", "kitchen")
Drop = Callable[..., Path]


@dataclass
class Eyes:
    """A noticing with a real observer, whose hints a test passes on, or doesn't."""

    root: Path
    clock: Any
    noticing: Noticing
    watcher: Watcher

    def inspect(self) -> str:
        place = (self.root.stat().st_dev, self.root.stat().st_ino)
        self.noticing.inspect(self.watcher, place, self.clock.monotonic())
        return self.noticing.why_looking

    def look(self) -> str:
        self.clock.pass_seconds(2 * GRACE_SECONDS)
        self.noticing.found(scan(self.root), self.watcher, self.clock.monotonic())
        return self.noticing.why_looking


@pytest.fixture
async def eyes(root: Path, clock: Any) -> AsyncIterator[Eyes]:

    watcher = Watcher(root, Hints(root, lambda: None, asyncio.get_running_loop()), clock)
    yield Eyes(root, clock, Noticing(root), watcher)
    watcher.stop()


async def test_a_share_is_looked_at_and_has_no_observer(eyes: Eyes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(noticing, "mount_of", lambda path: Mount(path, "cifs"))
    assert eyes.inspect() == "cifs does not announce what others do"
    assert not eyes.watcher.alive


async def test_a_disk_has_events(eyes: Eyes) -> None:
    assert eyes.inspect() == ""
    assert eyes.watcher.alive
    assert list(eyes.root.iterdir()) == [], "what was made to see is gone"


async def test_an_observer_that_does_not_tell_of_our_own_file_is_not_believed(
    eyes: Eyes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hotfolder.inbox.watch._CANARY_SECONDS", 0.1)
    monkeypatch.setattr(eyes.watcher._handler, "on_any_event", lambda event: None)
    assert "was not announced" in eyes.inspect()
    assert not eyes.watcher.alive


async def test_what_came_without_an_event_ends_the_trust_for_a_while(eyes: Eyes, drop: Drop) -> None:
    eyes.inspect()
    eyes.look()
    drop("12 Elm Road/kitchen", 2)
    assert eyes.look() == "", "its event may still come"
    assert eyes.look() == "12 Elm Road/kitchen came without any event"
    eyes.inspect()
    assert not eyes.watcher.alive
    eyes.clock.pass_seconds(AGAIN_SECONDS)
    assert eyes.inspect() == ""
    assert eyes.watcher.alive


async def test_a_photo_added_without_an_event_is_noticed_too(eyes: Eyes, drop: Drop) -> None:
    drop("12 Elm Road/kitchen", 2)
    eyes.inspect()
    eyes.look()
    drop("12 Elm Road/kitchen", 1, first=3)
    eyes.look()
    assert eyes.look()


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("everything", [False, True])
async def test_what_was_announced_in_time_or_a_little_late_is_fine(
    eyes: Eyes, drop: Drop, late: bool, everything: bool
) -> None:
    eyes.inspect()
    eyes.look()
    drop("12 Elm Road/kitchen", 2)
    if late:
        eyes.look()
    eyes.noticing.hinted(frozenset() if everything else {KITCHEN}, everything)
    for _ in range(3):
        assert eyes.look() == ""


async def test_what_was_there_before_the_observer_or_is_taken_away_needs_no_event(
    eyes: Eyes, drop: Drop
) -> None:
    folder = drop("12 Elm Road/kitchen", 3)
    eyes.inspect()
    eyes.look()
    (folder / "IMG_1.jpg").unlink()
    for _ in range(3):
        assert eyes.look() == ""


async def test_an_inbox_that_was_away_is_watched_anew_even_where_it_is_the_same_folder(
    eyes: Eyes, drop: Drop
) -> None:
    """Watches end with what was mounted, without a word, and the threads that wait for them live on."""
    eyes.inspect()
    eyes.look()
    before = eyes.watcher._observer
    eyes.noticing.distrust()
    place = (eyes.root.stat().st_dev, eyes.root.stat().st_ino)
    assert not eyes.noticing.settled(eyes.watcher, place, 0.0) and not eyes.noticing.sure
    drop("12 Elm Road/kitchen", 2)
    assert eyes.inspect() == ""
    assert eyes.watcher.alive and eyes.watcher._observer is not before
    assert eyes.noticing.settled(eyes.watcher, place, 0.0)
    assert eyes.look() == "" and eyes.look() == ""
