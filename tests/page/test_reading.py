"""What the page reads of photos: the cache of thumbnails, bounded and shared; and work that is late."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from shutil import rmtree

import pytest

from hotfolder.control.explain import Look
from hotfolder.page import reading
from hotfolder.page.reading import Edge, PhotoReader, Thumbnails
from tests.support.pictures import jpeg
from tests.support.studio import FILE_TIMEOUT_SECONDS, until


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


async def test_work_that_is_late_each_time_is_done_once_and_taken_by_the_next_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As with a shoot of thousands of photos: its page said for ever that they are being read."""
    reader, times, may_end = PhotoReader(), list[int](), threading.Event()

    def work(_: Look) -> int:
        may_end.wait(FILE_TIMEOUT_SECONDS)
        times.append(1)
        return len(times)

    async def late(kept_seconds: float) -> bool:
        """Whether the work, which ends only then, is late."""
        monkeypatch.setattr(reading, "SOON_SECONDS", 0.05)
        monkeypatch.setattr(reading, "KEPT_SECONDS", kept_seconds)
        may_end.clear()
        found = await reader.run_briefly("shoot", work)
        may_end.set()
        await until(lambda: not reader._running)
        return found is None

    try:
        assert await late(kept_seconds=FILE_TIMEOUT_SECONDS)
        assert await reader.run_briefly("shoot", work) == 1
        assert await late(kept_seconds=0.05)  # it is asked for anew
        await asyncio.sleep(0.1)
        assert await late(kept_seconds=0.05)  # the result before was too long ago
        assert len(times) == 3
    finally:
        await reader.close()
