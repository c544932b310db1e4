"""Processes that are killed: daemons and commands at a crash point, migrations at a statement."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, event

from hotfolder import crashpoints, log
from hotfolder.cli.output import report_errors
from hotfolder.config.load import load
from hotfolder.control import actions
from hotfolder.control.opening import opened
from hotfolder.daemon.service import ApiAccess, Daemon
from hotfolder.jobs.database import open_store
from tests.support.clocks import JumpingClock
from tests.support.forking import Forked, as_new, starts_now

if TYPE_CHECKING:
    from tests.support.studio import Shop, Studio

FILE_TIMEOUT_SECONDS = 300.0


def live(studio: Studio, shop: Shop | ApiAccess, **request: Any) -> int:
    """Run a daemon until it is idle, or has killed itself; its exit code, negative for a signal.

    The `request` may have `kill_at` and `nth` (a crash point, and at which pass), `kill_after_seconds`, the
    `speed` of the daemon's clock, and the `version` that hotfolder reports. With `action`, a command's name
    and its arguments, that command is run instead of the daemon.
    """
    access = shop if isinstance(shop, ApiAccess) else shop.access()
    return ended(Forked(become, studio.config, access, studio.root / "daemon.log", request))


def killed(call: Callable[..., object], *arguments: object, kill_at: StrEnum, nth: int) -> int:
    """Call a function in a process that is killed at that crash point; its exit code."""
    return ended(Forked(calling, call, arguments, kill_at, nth))


def ended(process: Forked) -> int:
    """The process's exit code. From here on, this process counts as started after that one."""
    code = process.wait()
    starts_now()
    return code


def calling(call: Callable[..., object], arguments: Sequence[object], kill_at: StrEnum, nth: int) -> None:
    as_new()
    with hooked(killing(kill_at, nth)):
        call(*arguments)


def at(point: str | None, act: Callable[[], object], nth: int = 1) -> Callable[[StrEnum], None]:
    """A crash hook that calls `act` at the `nth` pass of that crash point."""
    passed = 0

    def crash_point(passing: StrEnum) -> None:
        nonlocal passed
        passed += passing == point
        if passing == point and passed == nth:
            act()

    return crash_point


@contextmanager
def hooked(crash_point: Callable[[Any], None]) -> Iterator[None]:
    """Install the crash hook in this process until the block ends."""
    before, crashpoints.hook = crashpoints.hook, crash_point
    try:
        yield
    finally:
        crashpoints.hook = before


def killing(kill_at: str | None, nth: int) -> Callable[[StrEnum], None]:
    """A crash hook that kills this process there, as a power cut would."""
    return at(kill_at, lambda: os.kill(os.getpid(), signal.SIGKILL), nth)


def tell_what_is_waited_for() -> None:
    """Print the stacks of all tasks, to show why a daemon never became idle."""
    for task in asyncio.all_tasks():
        task.print_stack()


def become(config: Path, access: ApiAccess, logged: Path, request: dict[str, Any]) -> None:
    as_new()
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "hotfolder" and hasattr(module, "__version__") and "version" in request:
            vars(module)["__version__"] = request["version"]
    with logged.open("a") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
        log.configure(stream=stream)
        if "kill_after_seconds" in request:
            timer = threading.Timer(request["kill_after_seconds"], os.kill, (os.getpid(), signal.SIGKILL))
            timer.daemon = True
            timer.start()
        with hooked(killing(request.get("kill_at"), request.get("nth", 0))):
            if "action" in request:
                name, arguments = request["action"]
                with report_errors(), opened(config) as installation:
                    getattr(actions, name)(installation, **arguments)
            else:
                asyncio.run(work(config, access, JumpingClock(request.get("speed", 1.0))))


async def work(config: Path, access: ApiAccess, clock: JumpingClock) -> None:
    daemon = Daemon(load(config, {}), access, clock=clock)
    asyncio.get_running_loop().call_later(FILE_TIMEOUT_SECONDS - 5, tell_what_is_waited_for)
    try:
        async with asyncio.timeout(FILE_TIMEOUT_SECONDS):
            await daemon.run(stop=asyncio.Event(), until_idle=True)
    finally:
        await daemon.close()


READS = ("SELECT", "PRAGMA TABLE", "PRAGMA MAIN", "PRAGMA INDEX", "PRAGMA FOREIGN")


def migrate(state: Path, kill_at: int) -> None:
    """Open the store, and kill this process before its `kill_at`-th writing statement, as a power cut
    would."""
    left = kill_at

    @event.listens_for(Engine, "before_cursor_execute")
    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal left
        left -= not statement.strip().upper().startswith(READS)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    open_store(state).dispose()
