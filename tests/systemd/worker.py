"""A small service that speaks to systemd with our own words, and hangs when it is told to."""

from __future__ import annotations

import asyncio
import signal
import time

from hotfolder import log
from hotfolder.clock import SystemClock
from hotfolder.telemetry.health import Heartbeats
from hotfolder.telemetry.overview import Overview
from hotfolder.telemetry.systemd import Watchdog, status_sentence, supervision

SCAN_LIMIT_SECONDS = 2.0


async def main() -> None:
    told = supervision()
    notifier = told.notifier
    heartbeats = Heartbeats(time.monotonic)
    hung, stop = asyncio.Event(), asyncio.Event()
    counts = {"merging": 3, "queued": 12, "needs_attention": 1}

    async def scan() -> None:
        beat = heartbeats.expect("scan", SCAN_LIMIT_SECONDS)
        while not hung.is_set():
            beat()
            await asyncio.sleep(0.1)
        await asyncio.Event().wait()

    def reload() -> None:
        notifier.reloading()
        counts["queued"] = 0
        notifier.ready(status_sentence(Overview((), counts)))

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, reload)
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGUSR1, hung.set)
    loop.add_signal_handler(signal.SIGUSR2, time.sleep, 3600)
    assert told.watchdog_seconds is not None
    watchdog = Watchdog(notifier, heartbeats, SystemClock(), told.watchdog_seconds)
    tasks = [asyncio.create_task(scan()), asyncio.create_task(watchdog.run())]
    await asyncio.sleep(1.0)  # what an opening of the store would take
    notifier.ready(status_sentence(Overview((), counts)))
    await stop.wait()
    notifier.stopping("finishing 1 paid call")
    await asyncio.sleep(0.5)
    for task in tasks:
        task.cancel()


log.configure(json=True)
asyncio.run(main())
