"""The thumbnail cache: bounded, shared by concurrent requests, and used by the next process."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from shutil import rmtree

import pytest

from hotfolder.page.reading import Edge, Thumbnails
from tests.support.pictures import jpeg


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    path.write_bytes(jpeg(seed=1))
    return path


@pytest.fixture
async def thumbnails(tmp_path: Path) -> AsyncIterator[Thumbnails]:
    """A cache with room for about two thumbnails."""
    cache = Thumbnails(tmp_path / "state", most_bytes=85_000)
    yield cache
    await cache.close()


def kept(cache: Thumbnails) -> set[str]:
    return {path.stem for path in cache.folder.iterdir()}


def copy(folder: Path, name: str, *, size: int, age: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.jpg").write_bytes(b"x" * size)
    os.utime(folder / f"{name}.jpg", (1_000_000 - age, 1_000_000 - age))


async def test_those_go_first_that_nobody_looked_at_for_longest(thumbnails: Thumbnails, photo: Path) -> None:
    for number, name in enumerate(("newest", "older", "oldest")):
        copy(thumbnails.folder, name, size=30_000, age=number)
    assert await thumbnails.get("oldest", photo, Edge.CARD, ()) == b"x" * 30_000
    made = await thumbnails.get("made", photo, Edge.CARD, ())
    assert made[:2] == b"\xff\xd8" and kept(thumbnails) == {"newest", "oldest", "made"}
    assert sum(path.stat().st_size for path in thumbnails.folder.iterdir()) <= 85_000


async def test_a_copy_is_made_once_for_all_who_ask(thumbnails: Thumbnails, photo: Path) -> None:
    asking = [asyncio.create_task(thumbnails.get("made", photo, Edge.CARD, ())) for _ in range(20)]
    asking[0].cancel()
    found = await asyncio.gather(*asking[1:])
    photo.unlink()
    assert set(found) == {await thumbnails.get("made", photo, Edge.CARD, ())}


async def test_the_folder_may_be_deleted_at_any_time(thumbnails: Thumbnails, photo: Path) -> None:
    before = await thumbnails.get("made", photo, Edge.CARD, ())
    rmtree(thumbnails.folder)
    assert await thumbnails.get("made", photo, Edge.CARD, ()) == before
    assert await thumbnails.get("another", photo, Edge.CARD, ()) == before


async def test_a_copy_that_somebody_has_deleted_is_made_again(thumbnails: Thumbnails, photo: Path) -> None:
    first = await thumbnails.get("made", photo, Edge.CARD, ())
    (thumbnails.folder / "made.jpg").unlink()
    assert await thumbnails.get("made", photo, Edge.CARD, ()) == first
