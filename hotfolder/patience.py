"""Waiting for file systems that may not answer: a share whose server hangs holds whoever asks for hours.

A thread that is stuck in the kernel can't be ended. So it is abandoned, and nothing else waits for it: what
may touch a share runs in anyio's threads, since asyncio's own executor is waited for at the end.
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

PATIENCE_SECONDS = 30.0
"""A look or a read that takes longer means that the share or the disk doesn't answer."""
START_SECONDS = 5.0
"""How long a start waits for each folder."""
MOST_THREADS = 500
"""More than all jobs and inboxes ask for at once, so that those that are stuck leave some for the others. A
thread is made only where there is work for it."""
LAST_SECONDS = 2.0
"""How long the end of the daemon waits for threads that still work. For a page or a message that hangs
whoever wanted it has waited by then."""


class NoAnswer(LocalTrouble):
    """A file system hangs. Whether what was asked of it is done some day, nobody knows."""


def threads_left(seconds: float) -> bool:
    """Whether threads still work after so long for which the interpreter would wait at its end."""
    end = time.monotonic() + seconds
    others = [one for one in threading.enumerate() if one is not threading.current_thread()]
    lasting = [one for one in others if not one.daemon]
    for thread in lasting:
        thread.join(max(0.0, end - time.monotonic()))
    return any(thread.is_alive() for thread in lasting)


async def patiently(path: Path, look: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`look` at `path` in a thread. Raises LocalTrouble when there is no answer within PATIENCE_SECONDS.

    It may then still be done, at any time: only for what changes nothing.
    """
    with move_on_after(PATIENCE_SECONDS):
        return await to_thread.run_sync(partial(look, *args, **kwargs), abandon_on_cancel=True)
    raise no_answer(path)


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
        hint="Check its disk or share. Everything continues by itself once it answers.",
    )
