"""A daemon that freezes at a certain step, as `kill -STOP` would: `python -m tests.support.freezing CONFIG
CHECKPOINT NTH`. It goes on when it is sent SIGCONT. The API is that of its settings."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from enum import StrEnum
from pathlib import Path

from hotfolder import log
from hotfolder.cli.run import real_access
from hotfolder.config.load import load
from hotfolder.daemon.service import Daemon


async def work(config: Path, checkpoint: str, nth: int) -> None:
    passed: Counter[str] = Counter()

    def crash_point(passing: StrEnum) -> None:
        passed[passing] += 1
        if passing == checkpoint and passed[passing] == nth:
            log.get("test").info("frozen")
            os.kill(os.getpid(), signal.SIGSTOP)

    settings = load(config, os.environ)
    daemon = Daemon(settings, real_access(settings), crash_point=crash_point)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    try:
        await daemon.run(stop=stop)
    finally:
        await daemon.close()


if __name__ == "__main__":
    log.configure(json=True)
    asyncio.run(work(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
