"""A daemon that freezes at a crash point, as `kill -STOP` would: `python -m tests.support.freezing CONFIG
CRASH_POINT NTH`.

It continues on SIGCONT. Its API is that of its settings.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from hotfolder import crashpoints, log
from hotfolder.cli.run import real_access
from hotfolder.config.load import load
from hotfolder.daemon.service import Daemon
from tests.support.crashing import at


async def work(config: Path, point: str, nth: int) -> None:
    def freeze() -> None:
        log.get("test").info("frozen")
        os.kill(os.getpid(), signal.SIGSTOP)

    settings = load(config, os.environ)
    crashpoints.hook = at(point, freeze, nth)
    daemon = Daemon(settings, real_access(settings))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    try:
        await daemon.run(stop=stop)
    finally:
        await daemon.close()


if __name__ == "__main__":
    log.configure(json=True)
    asyncio.run(work(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
