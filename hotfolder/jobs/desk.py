"""The one thread that talks to the database, seen from the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import ParamSpec, TypeVar

from sqlalchemy.exc import OperationalError

from hotfolder.errors import LocalTrouble

P = ParamSpec("P")
T = TypeVar("T")


class Desk:
    """Runs store methods one after another in a thread of their own. A transaction that was begun is
    finished even when the task that asked for it is cancelled. Raises LocalTrouble when the store can't be
    written, as when its disk is full."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        # The job that asks is named in what is logged meanwhile.
        named = partial(copy_context().run, work, *args, **kwargs)
        try:
            return await asyncio.shield(loop.run_in_executor(self._thread, named))
        except OperationalError as error:
            raise LocalTrouble(
                f"the job store can't be written: {error.orig}", hint="Check the disk that holds `state`."
            ) from None
        except OSError as error:
            raise LocalTrouble(
                f"the ledger of paid calls can't be written: {error.strerror}",
                hint="Check the disk that holds `state`.",
            ) from None

    def close(self) -> None:
        """Finish what was begun, and stop."""
        self._thread.shutdown(wait=True)
