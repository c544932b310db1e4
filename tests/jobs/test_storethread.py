"""The one thread that talks to the database."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time

import pytest
from sqlalchemy.exc import OperationalError

from hotfolder.errors import LocalTrouble
from hotfolder.jobs.database import StoreThread


async def test_all_work_is_done_by_one_thread_in_order() -> None:
    thread, done = StoreThread(), list[tuple[int, str]]()
    await asyncio.gather(
        *(
            thread(lambda number=number: done.append((number, threading.current_thread().name)))
            for number in range(20)
        )
    )
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
