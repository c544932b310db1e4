"""Timeouts for file systems that may not answer: a call to a hung network share can block for hours.

A thread that is blocked in the kernel can't be ended, so it is abandoned. Whatever may touch a share runs in
anyio's threads: at shutdown asyncio waits for its own executor's threads, but not for these.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

from anyio import move_on_after, to_thread

from hotfolder.errors import LocalTrouble

P = ParamSpec("P")
T = TypeVar("T")

FILE_TIMEOUT_SECONDS = 30.0
"""Timeout of one file operation. After it the share or the disk counts as not answering."""
START_TIMEOUT_SECONDS = 5.0
"""The same timeout for each folder when the daemon starts."""
MAX_THREADS = 500
"""More than all jobs and inboxes need at once, so that blocked threads leave some for the others. Threads are
created on demand."""
JOIN_SECONDS = 2.0
"""How long the end of the daemon waits for running threads. Those that serve a page or send a message were
waited for before."""


class FileTimeout(LocalTrouble):
    """A file system hangs. The operation may still be carried out later."""


def join_threads(seconds: float) -> bool:
    """Wait at most `seconds` for all threads that the interpreter would wait for at exit. Returns whether any
    still runs."""
    end = time.monotonic() + seconds
    others = [one for one in threading.enumerate() if one is not threading.current_thread()]
    lasting = [one for one in others if not one.daemon]
    for thread in lasting:
        thread.join(max(0.0, end - time.monotonic()))
    return any(thread.is_alive() for thread in lasting)


async def call_in_thread(path: Path, look: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `look`, which uses `path`, in a thread. Raises FileTimeout after FILE_TIMEOUT_SECONDS.

    The call may then still finish at any later time, and another one beside it: what it changes must be
    harmless when it comes late or twice.
    """
    with move_on_after(FILE_TIMEOUT_SECONDS):
        return await to_thread.run_sync(partial(look, *args, **kwargs), abandon_on_cancel=True)
    raise file_timeout(path)


def call_within(path: Path, look: Callable[[], T], seconds: float = FILE_TIMEOUT_SECONDS) -> T:
    """As `call_in_thread`, but without an event loop: blocks for at most `seconds`. Raises FileTimeout."""
    answer: Future[T] = Future()

    def work() -> None:
        try:
            answer.set_result(look())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=work, daemon=True, name="look").start()
    if not wait([answer], seconds).done:
        raise file_timeout(path)
    return answer.result()


def file_timeout(path: Path) -> FileTimeout:
    return FileTimeout(
        f"{path} doesn't answer",
        hint="Check its disk or share. Everything continues by itself once it answers.",
    )
