"""A small service that notifies systemd with our code, and hangs on request."""

from __future__ import annotations

import asyncio
import signal
import time

from hotfolder import log
from hotfolder.telemetry.health import Heartbeats, Systemd, status_sentence
from hotfolder.telemetry.overview import Overview

SCAN_LIMIT_SECONDS = 2.0


async def main() -> None:
    systemd = Systemd.of()
    heartbeats = Heartbeats(time.monotonic)
    hung, stop = asyncio.Event(), asyncio.Event()
    counts = {"merging": 3, "queued": 12, "needs_attention": 1}

    async def scan() -> None:
        beat = heartbeats.expect("scan", SCAN_LIMIT_SECONDS)
        while not hung.is_set():
            beat()
            await asyncio.sleep(0.1)
        await asyncio.Event().wait()

    async def feed() -> None:
        assert systemd.watchdog_seconds is not None
        while True:
            systemd.feed_watchdog(heartbeats.late_parts())
            await asyncio.sleep(systemd.watchdog_seconds / 3)

    def reload() -> None:
        systemd.reloading()
        counts["queued"] = 0
        systemd.ready(status_sentence(Overview((), counts)))

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, reload)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, hung.set)
    loop.add_signal_handler(signal.SIGUSR2, time.sleep, 3600)
    tasks = [asyncio.create_task(scan()), asyncio.create_task(feed())]
    await asyncio.sleep(1.0)  # as long as opening the store may take
    systemd.ready(status_sentence(Overview((), counts)))
    await stop.wait()
    systemd.stopping("finishing 1 paid call")
    await asyncio.sleep(0.5)
    for task in tasks:
        task.cancel()


log.configure(json=True)
asyncio.run(main())
