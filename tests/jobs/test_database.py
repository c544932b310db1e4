"""Opening the store: what is refused, and that refusing changes nothing; and the store thread, which makes
all calls of the database."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import OperationalError, StatementError

from hotfolder.errors import LocalTrouble, StoreAway, StoreError
from hotfolder.jobs.database import StoreThread, open_store, read_store, store_trouble
from hotfolder.jobs.sqlite import FILE_NAME, refuse_network_folder, sqlite_engine
from hotfolder.jobs.store import Store
from tests.jobs.conftest import AT, MakeJob


def state_with(tmp_path: Path, content: bytes) -> Path:
    state = tmp_path / "state"
    state.mkdir()
    (state / FILE_NAME).write_bytes(content)
    return state


@pytest.mark.parametrize("content", [b"this is no database" * 300, b"SQLite format 3\0" + b"\x07" * 5000])
def test_a_corrupt_store_is_refused_and_left_untouched(tmp_path: Path, content: bytes) -> None:
    state = state_with(tmp_path, content)
    with pytest.raises(StoreError, match="can't be read") as refused:
        open_store(state)
    assert "backup" in refused.value.hint
    assert (state / FILE_NAME).read_bytes() == content


@pytest.mark.parametrize("most_bytes", [0, 4096, 65536])
def test_a_disk_that_is_full_at_the_start_is_trouble_and_no_damage(
    tmp_path: Path, small_files: Callable[[int], None], most_bytes: int
) -> None:
    """Advice to restore a backup would end the service, and systemd would not start it again."""
    small_files(most_bytes)
    with pytest.raises(LocalTrouble, match="can't be written"):
        open_store(tmp_path / "state")
    small_files(10**9)
    open_store(tmp_path / "state").dispose()


def test_a_store_that_is_damaged_in_the_middle_is_refused_and_left_untouched(
    tmp_path: Path, new_job: MakeJob
) -> None:
    state = tmp_path / "state"
    database = open_store(state)
    for number in range(50):
        Store(database).create(new_job(room=str(number)), "origin", AT)
    database.dispose()
    content = bytearray((state / FILE_NAME).read_bytes())
    content[4096:12288] = b"\xa5" * 8192
    (state / FILE_NAME).write_bytes(content)
    with pytest.raises(StoreError, match="can't be read"):
        open_store(state)
    assert (state / FILE_NAME).read_bytes() == content


MOUNTS = """\
/dev/sda1 / ext4 rw 0 0
//nas/photos {root}/share cifs rw 0 0
nas:/more {root}/with\\040space nfs4 rw 0 0
/dev/sdb1 {root}/share/local xfs rw 0 0
"""


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    (path := tmp_path / "mounts").write_text(MOUNTS.format(root=tmp_path))
    return path


@pytest.mark.parametrize("place", ["share/state", "share/deep/er/state", "with space/state"])
def test_a_state_folder_on_a_share_is_refused(tmp_path: Path, mounts: Path, place: str) -> None:
    with pytest.raises(StoreError, match="network file system"):
        refuse_network_folder(tmp_path / place, mounts)


@pytest.mark.parametrize("place", ["state", "share/local/state", "sharestate"])
def test_a_state_folder_on_a_local_disk_is_taken(tmp_path: Path, mounts: Path, place: str) -> None:
    refuse_network_folder(tmp_path / place, mounts)
    refuse_network_folder(tmp_path / place, tmp_path / "no mounts here")


def test_reading_makes_no_store_and_writes_nothing(tmp_path: Path) -> None:
    assert read_store(tmp_path / "state") is None
    assert not (tmp_path / "state").exists()
    open_store(tmp_path / "state").dispose()
    database = read_store(tmp_path / "state")
    assert database is not None
    with pytest.raises(Exception, match="readonly"):
        Store(database).publish("daemon", {}, datetime.now().astimezone())
    database.dispose()


def test_a_store_is_read_whose_writer_was_killed_amid_a_commit(tmp_path: Path) -> None:
    """The files are as a kill or a power cut leaves them: pages were written, and the old ones are in the
    journal."""
    state, killed = tmp_path / "state", tmp_path / "killed"
    open_store(state).dispose()
    with closing(sqlite3.connect(state / FILE_NAME, isolation_level=None)) as writer:
        writer.execute("PRAGMA cache_size = 1")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE pause SET reason = ?", ("x" * 100_000,))
        shutil.copytree(state, killed)
    assert (killed / f"{FILE_NAME}-journal").stat().st_size
    database = read_store(killed)
    assert database is not None
    assert Store(database).paused() is None
    database.dispose()


def test_the_path_of_a_store_may_have_any_character(tmp_path: Path) -> None:
    state = tmp_path / "50% off? #1 %20"
    open_store(state).dispose()
    database = read_store(state)
    assert database is not None and Store(database).identity()
    database.dispose()
    assert [path.name for path in tmp_path.iterdir()] == [state.name]


def test_reading_takes_a_file_that_is_just_being_filled_for_no_store_yet(tmp_path: Path) -> None:
    (tmp_path / "jobs.sqlite").touch()
    assert read_store(tmp_path) is None
    (tmp_path / "jobs.sqlite").write_bytes(b"not a database, whatever it may be" * 100)
    with pytest.raises(StoreError, match="can't be read"):
        read_store(tmp_path)


def test_a_moment_comes_back_aware_and_the_same_in_every_database(store: Store, new_job: MakeJob) -> None:
    at = datetime(2026, 5, 4, 14, 0, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    job = store.create(new_job(), "origin", at)
    [known] = store.active()
    assert (known.created_at, known.created_at.utcoffset()) == (at, timedelta(0))
    with pytest.raises(StatementError, match="without a time zone"):
        store.set_columns(job.id, finished_at=datetime(2026, 5, 4))  # noqa: DTZ001


async def test_all_work_is_done_by_one_thread_in_order() -> None:
    thread, done = StoreThread(), list[tuple[int, str]]()

    def work(number: int) -> None:
        done.append((number, threading.current_thread().name))

    await asyncio.gather(*(thread(partial(work, number)) for number in range(20)))
    thread.close()
    assert [number for number, _ in done] == list(range(20))
    assert len({name for _, name in done}) == 1


async def test_a_store_that_cant_be_written_is_a_local_trouble() -> None:
    thread = StoreThread()

    def work() -> None:
        raise OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))

    with pytest.raises(LocalTrouble, match="disk is full"):
        await thread(work)
    thread.close()


def test_what_is_told_of_a_full_disk_is_that_it_is_full(tmp_path: Path) -> None:
    """The message isn't about a missing savepoint, which SQLite has removed by itself."""
    engine = sqlite_engine(tmp_path / "store.db")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 2")
        connection.exec_driver_sql("CREATE TABLE a (b)")
        with pytest.raises(LocalTrouble, match="disk is full"), store_trouble(), connection.begin_nested():
            connection.exec_driver_sql("INSERT INTO a VALUES (zeroblob(1000000))")
    engine.dispose()


async def test_a_server_that_is_away_is_asked_now_and_then_and_everybody_told_at_once() -> None:
    thread, asked = StoreThread(), list[int]()

    def work(number: int, error: Exception | None = None) -> int:
        asked.append(number)
        if error is not None:
            raise OperationalError("SELECT", {}, error)
        return number

    lost = psycopg.OperationalError("connection refused\nis it running?")
    with pytest.raises(StoreAway, match="can't be reached") as told:
        await thread(work, 1, lost)
    assert told.value.detail == "connection refused"
    with pytest.raises(StoreAway, match="can't be reached"):
        await thread(work, 2)
    async with asyncio.timeout(60):
        while thread.away is not None:
            with suppress(StoreAway):
                assert await thread(work, 3) == 3
    thread.close()
    assert asked == [1, 3]


async def test_a_closed_one_takes_nothing_more() -> None:
    thread = StoreThread()
    assert await thread(lambda: 1) == 1
    thread.close()
    with pytest.raises(RuntimeError, match="after shutdown"):
        await thread(lambda: 2)


def test_what_was_asked_for_is_done_although_its_task_was_cancelled() -> None:
    thread, done = StoreThread(), list[int]()

    def work(number: int) -> None:
        time.sleep(0.05)
        done.append(number)

    async def ask() -> None:
        tasks = [asyncio.create_task(thread(work, number)) for number in range(3)]
        await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(ask())
    thread.close()
    assert done == [0, 1, 2]
