"""Waiting for file systems that may not answer: a share whose server hangs holds whoever asks for hours.

A thread that is stuck in the kernel can't be ended. So it is left behind, and nothing else waits for it.
"""

from __future__ import annotations

import asyncio
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from hotfolder.errors import LocalTrouble

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE_SECONDS = 30.0
"""A look or a read that takes longer means that the share or the disk doesn't answer."""
START_SECONDS = 5.0
"""How long a start waits for each folder."""
USUAL_THREADS = 12
LATE_SECONDS = 2.0
"""A thread that is busy for longer doesn't count: another one may be made in its stead."""
LAST_SECONDS = 5.0


class NoAnswer(LocalTrouble):
    """A file system hangs. Whether what was asked of it is done some day, nobody knows."""


class Threads(ThreadPoolExecutor):
    """For `asyncio.to_thread`: a few, and one more for each that is stuck, so that a share that hangs
    never takes all of them."""

    def __init__(self) -> None:
        super().__init__(USUAL_THREADS, thread_name_prefix="work")
        self._open: set[Future[Any]] = set()
        self._begun: dict[int, float] = {}
        self._numbers = itertools.count()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        number = next(self._numbers)

        def work() -> T:
            self._begun[number] = time.monotonic()
            try:
                return fn(*args, **kwargs)
            finally:
                del self._begun[number]

        late = time.monotonic() - LATE_SECONDS
        self._max_workers = USUAL_THREADS + sum(began < late for began in tuple(self._begun.values()))
        future = super().submit(work)
        self._open.add(future)
        future.add_done_callback(self._open.discard)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take nothing more, and wait a few seconds at the most for what is under way."""
        super().shutdown(wait=False, cancel_futures=cancel_futures)
        if wait:
            self.stuck(LAST_SECONDS)

    def stuck(self, seconds: float = 0.0) -> bool:
        """Whether something is still under way after so long. At its end the interpreter waits for that."""
        return bool(wait(tuple(self._open), seconds).not_done)


async def patiently(path: Path, look: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`look` at `path` in a thread. Raises LocalTrouble when there is no answer within PATIENCE_SECONDS.

    It may then still be done, at any time: only for what changes nothing.
    """
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await asyncio.to_thread(look, *args, **kwargs)
    except TimeoutError as error:
        if isinstance(error, OSError) and error.errno is not None:  # the file system's own, ETIMEDOUT
            raise
        raise no_answer(path) from None


def at_once(path: Path, look: Callable[[], T], seconds: float = PATIENCE_SECONDS) -> T:
    """As `patiently`, for where no event loop runs yet: blocks for so long at the most."""
    answer: Future[T] = Future()

    def work() -> None:
        try:
            answer.set_result(look())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=work, daemon=True, name="look").start()
    if not wait([answer], seconds).done:
        raise no_answer(path)
    return answer.result()


def no_answer(path: Path) -> NoAnswer:
    return NoAnswer(
        f"{path} doesn't answer",
        hint="Is its share or disk all right? Everything goes on by itself once it answers.",
    )
