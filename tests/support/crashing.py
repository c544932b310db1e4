"""A daemon that is killed at a certain step: a process that forks one such daemon after the other.

It is asked by a line of JSON: `config`, `url`, `storage_host`, `log`, and if wanted `kill_at` and `nth` (a
crash point, and at which of its passes), `kill_after_seconds`, and the `speed` of the daemon's clock. With
`action`, the name of a command and its arguments, that is run in the daemon's stead. It answers with the exit
code, negative for the signal that ended it. Forking saves importing everything each time.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Any

from hotfolder import log
from hotfolder.cli.output import told
from hotfolder.config.load import load
from hotfolder.control import actions
from hotfolder.control.opening import opened
from hotfolder.daemon.service import ApiAccess, Daemon
from hotfolder.outbox import linking
from tests.support.clocks import JumpingClock

PATIENCE_SECONDS = 300.0
REPOSITORY = Path(__file__).parents[2]


RELEASE = "import hotfolder; hotfolder.__version__ = '{}'; from tests.support.crashing import main; main()"


class Crasher:
    """One such process, of the hotfolder that is here, or that says it is another `version`."""

    def __init__(self, version: str = "") -> None:
        start = ["-c", RELEASE.format(version)] if version else ["-m", "tests.support.crashing"]
        self._process = subprocess.Popen(
            [sys.executable, *start],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            cwd=REPOSITORY,
        )

    def run(self, **request: Any) -> int:
        """Run a daemon until it is idle, or has killed itself; its exit code."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


def killing(kill_at: str | None, nth: int) -> Callable[[StrEnum], None]:
    """What ends this process at the `nth` crash_point of a checkpoint, as a power cut would."""
    passed: Counter[str] = Counter()

    def crash_point(checkpoint: StrEnum) -> None:
        passed[checkpoint] += 1
        if checkpoint == kill_at and passed[checkpoint] == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    return crash_point


def kill_after(seconds: float) -> None:
    """End this process when its time is over, wherever it is then."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGKILL))
    timer.daemon = True
    timer.start()


def tell_what_is_waited_for() -> None:
    """For whoever wants to know why a daemon never became idle."""
    for task in asyncio.all_tasks():
        task.print_stack()


async def work(request: dict[str, Any], crash_point: Callable[[StrEnum], None]) -> None:
    access = ApiAccess(request["url"], request["url"], (request["storage_host"],), lambda: "any-key")
    clock = JumpingClock(request.get("speed", 1.0))
    daemon = Daemon(load(Path(request["config"]), {}), access, clock=clock, crash_point=crash_point)
    asyncio.get_running_loop().call_later(PATIENCE_SECONDS - 5, tell_what_is_waited_for)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await daemon.run(stop=asyncio.Event(), until_idle=True)
    finally:
        await daemon.close()


def live(request: dict[str, Any]) -> None:
    linking.PROCESS_STARTED_NS = time.time_ns()  # a process that wasn't forked has just been started
    with Path(request["log"]).open("a") as stream:
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
        log.configure(stream=stream)
        if "kill_after_seconds" in request:
            kill_after(request["kill_after_seconds"])
        crash_point = killing(request.get("kill_at"), request.get("nth", 0))
        if "action" in request:
            act(request, crash_point)
        else:
            asyncio.run(work(request, crash_point))


def act(request: dict[str, Any], crash_point: Callable[[StrEnum], None]) -> None:
    name, arguments = request["action"]
    with told(), opened(Path(request["config"])) as installation:
        getattr(actions, name)(installation, crash_point=crash_point, **arguments)


def main() -> None:
    gc.freeze()  # what is imported stays shared with the children
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                live(json.loads(line))
                code = 0
            except SystemExit as end:
                code = int(str(end.code))
            finally:
                os._exit(code)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


if __name__ == "__main__":
    main()
