"""The one thread that talks to the database, seen from the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from queue import SimpleQueue
from threading import Thread
from typing import Any, ParamSpec, TypeVar

from sqlalchemy.exc import DatabaseError, InternalError, OperationalError

from hotfolder.errors import LocalTrouble

P = ParamSpec("P")
T = TypeVar("T")
HINT = "Check the disk that holds `state`."


class Desk:
    """Runs store methods one after another in a thread of their own. A transaction that was begun is
    finished even when the task that asked for it is cancelled. Raises LocalTrouble when the store can't be
    used, as when its disk is full."""

    def __init__(self) -> None:
        # An executor would keep books of its own on each of the many things that are asked here.
        self._asked: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = Thread(target=self._serve, name="store", daemon=True)
        self._thread.start()
        self._closed = False

    def _serve(self) -> None:
        while (run := self._asked.get()) is not None:
            run()
            del run  # and what it holds

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        # A set comes here forty times: a future of the loop alone costs it half of `run_in_executor`.
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        context = copy_context()  # the job that asks is named in what is logged meanwhile

        def run() -> None:
            with suppress(RuntimeError):  # the loop has ended, and nobody waits any more
                try:
                    result = context.run(work, *args, **kwargs)
                except BaseException as error:
                    loop.call_soon_threadsafe(fail, answer, error)
                else:
                    loop.call_soon_threadsafe(succeed, answer, result)

        if self._closed:
            raise RuntimeError("the store is closed")
        self._asked.put(run)
        try:
            return await answer
        except (OperationalError, InternalError, MemoryError) as error:
            told = "there is not enough memory" if isinstance(error, MemoryError) else error.orig
            raise LocalTrouble(f"the job store can't be written: {told}", hint=HINT) from None
        except DatabaseError as error:
            if type(error) is not DatabaseError:
                raise  # a wrong statement, or a broken constraint: a defect of ours
            raise LocalTrouble(f"the job store can't be read: {error.orig}", hint=HINT) from None
        except OSError as error:
            raise LocalTrouble(
                f"the ledger of paid calls can't be written: {error.strerror or error}", hint=HINT
            ) from None

    def close(self) -> None:
        """Finish what was begun, and stop."""
        self._closed = True
        self._asked.put(None)
        self._thread.join()


def succeed(answer: asyncio.Future[T], result: T) -> None:
    if not answer.done():
        answer.set_result(result)


def fail(answer: asyncio.Future[Any], error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
