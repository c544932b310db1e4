"""The store thread, which makes all calls of the database."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from hotfolder.errors import LocalTrouble, StoreAway
from hotfolder.jobs.database import StoreThread, store_trouble
from hotfolder.jobs.sqlite import sqlite_engine


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
