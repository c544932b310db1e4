"""The one thread that talks to the database."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time

import pytest
from sqlalchemy.exc import OperationalError

from hotfolder.errors import LocalTrouble
from hotfolder.jobs.desk import Desk


async def test_what_was_begun_is_finished_although_its_task_was_cancelled() -> None:
    desk, began, finished = Desk(), threading.Event(), threading.Event()

    def work() -> None:
        began.set()
        time.sleep(0.2)
        finished.set()

    task = asyncio.create_task(desk(work))
    await asyncio.to_thread(began.wait)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    desk.close()
    assert finished.is_set()


async def test_all_work_is_done_by_one_thread_in_order() -> None:
    desk, done = Desk(), list[tuple[int, str]]()
    await asyncio.gather(
        *(
            desk(lambda number=number: done.append((number, threading.current_thread().name)))
            for number in range(20)
        )
    )
    desk.close()
    assert [number for number, _ in done] == list(range(20))
    assert len({name for _, name in done}) == 1


async def test_a_store_that_cant_be_written_is_a_local_trouble() -> None:
    desk = Desk()

    def work() -> None:
        raise OperationalError("INSERT", {}, sqlite3.OperationalError("database or disk is full"))

    with pytest.raises(LocalTrouble, match="disk is full"):
        await desk(work)
    desk.close()


async def test_a_desk_that_is_closed_takes_nothing_more() -> None:
    desk = Desk()
    assert await desk(lambda: 1) == 1
    desk.close()
    with pytest.raises(RuntimeError, match="closed"):
        await desk(lambda: 2)


def test_what_is_left_is_done_even_where_its_loop_has_ended() -> None:
    desk, done = Desk(), list[int]()

    def work(number: int) -> None:
        time.sleep(0.05)
        done.append(number)

    async def ask() -> None:
        tasks = [asyncio.create_task(desk(work, number)) for number in range(3)]
        await asyncio.sleep(0.01)
        for task in tasks:
            task.cancel()

    asyncio.run(ask())
    desk.close()
    assert done == [0, 1, 2]
