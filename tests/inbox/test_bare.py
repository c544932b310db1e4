"""Emptied folders are not listed again and again, and nothing that is put into one is overlooked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hotfolder.inbox.bare import LIST_AGAIN_SECONDS, SURE_SECONDS, BareFolders
from hotfolder.inbox.inbox import Inbox
from hotfolder.inbox.looking import Looker
from hotfolder.inbox.root import Root
from hotfolder.inbox.scan import scan
from hotfolder.inbox.snapshot import Snapshot
from tests.support.clocks import HeldClock

Drop = Callable[..., Path]


@pytest.fixture
def room(root: Path) -> Path:
    folder = root / "12 Elm Road" / "kitchen"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def listed(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Path]]:
    """Every folder that is listed, in order."""
    seen: list[Path] = []
    real = os.scandir

    def scandir(path: Path) -> object:
        seen.append(Path(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    yield seen


def photos(snapshot: Snapshot) -> int:
    return sum(len(found.photos) for found in snapshot.folders.values())


def test_a_folder_found_empty_twice_is_not_listed_until_it_changes(
    root: Path, room: Path, drop: Drop, listed: list[Path]
) -> None:
    bare = BareFolders()
    for now in (0.0, 1.0, SURE_SECONDS):
        scan(root, bare, now)
    assert listed.count(room) == 3
    assert photos(scan(root, bare, 10.0)) == 0
    assert listed.count(room) == 3
    drop("12 Elm Road/kitchen", 2)
    assert photos(scan(root, bare, 20.0)) == 2
    assert listed.count(room) == 4


def test_looks_in_quick_succession_prove_nothing(
    root: Path, room: Path, drop: Drop, listed: list[Path]
) -> None:
    """A photo that comes within the tick of the folder's last change leaves no trace in its times."""
    bare = BareFolders()
    for now in (0.0, 0.1):
        scan(root, bare, now)
    before = room.stat()
    drop("12 Elm Road/kitchen", 1)
    os.utime(room, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert photos(scan(root, bare, 0.2)) == 1


def test_a_folder_whose_times_stay_is_listed_all_the_same_before_long(
    root: Path, room: Path, drop: Drop, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = BareFolders()
    monkeypatch.setattr("hotfolder.inbox.bare._state", lambda facts: (facts.st_ino, 0, 0))
    for now in (0.0, 10.0):
        scan(root, bare, now)
    drop("12 Elm Road/kitchen", 1)
    assert photos(scan(root, bare, 20.0)) == 0
    assert photos(scan(root, bare, 10.0 + LIST_AGAIN_SECONDS)) == 1


def test_a_folder_that_went_away_is_forgotten(root: Path, room: Path, listed: list[Path]) -> None:
    bare = BareFolders()
    for now in (0.0, 10.0):
        scan(root, bare, now)
    room.rename(root / "kitchen")
    scan(root, bare, 20.0)
    (root / "kitchen").rename(room)
    before = listed.count(room)
    scan(root, bare, 30.0)
    assert listed.count(room) == before + 1


@pytest.mark.parametrize("keeps_times", [True, False])
async def test_only_where_folders_keep_their_times_is_one_left_unlisted(
    root: Path, room: Path, drop: Drop, monkeypatch: pytest.MonkeyPatch, *, keeps_times: bool
) -> None:
    monkeypatch.setattr("hotfolder.inbox.bare._state", lambda facts: (facts.st_ino, 0, 0))
    looker = Looker(Root(root, "store-1", first_start=True), lambda: None, lambda: None)

    async def seen(now: float) -> int:
        _, snapshot = await looker.look(None, now, lambda reason: None, keeps_times=keeps_times)
        assert snapshot is not None
        return photos(snapshot)

    for now in (0.0, 10.0):
        assert await seen(now) == 0
    drop("12 Elm Road/kitchen", 1)
    assert await seen(20.0) == (0 if keeps_times else 1)


async def test_an_inbox_without_events_lists_every_folder_with_every_look(
    open_inbox: Callable[..., Inbox],
    room: Path,
    drop: Drop,
    clock: HeldClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hotfolder.inbox.bare._state", lambda facts: (facts.st_ino, 0, 0))
    inbox = open_inbox()
    for _ in range(3):
        assert await inbox.look() == ()
        clock.pass_seconds(10.0)
    drop("12 Elm Road/kitchen", 1)
    await inbox.look()
    assert [(one.project, one.folder) for one in inbox.outlook().settling] == [("12 Elm Road", "kitchen")]
