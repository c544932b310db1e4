"""What has to be done now and then, whatever else goes on."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.daemon.liverules import LiveRules
from hotfolder.errors import LocalTrouble
from hotfolder.jobs.retention import expire_results
from hotfolder.jobs.tools import Tools
from hotfolder.outbox.outlets import Outlets

logger = log.get("daemon")

EXPIRE_SECONDS = 3600.0
LOOK_SECONDS = 5.0


async def keep_house(tools: Tools, live: LiveRules) -> None:
    """Once an hour, let go of bought results that are kept long enough. Until cancelled."""
    while True:
        keep = timedelta(days=live.settings.results.keep_days)
        try:
            now, results = tools.clock.now(), tools.places.results
            number = await tools.desk(expire_results, tools.store, tools.ledger, results, keep=keep, now=now)
            if number:
                logger.info("results_expired", results=number, keep_days=live.settings.results.keep_days)
        except LocalTrouble as error:
            logger.warning("results_not_expired", reason=error.message)
        await tools.clock.sleep(EXPIRE_SECONDS)


async def keep_looking(outlets: Outlets, clock: Clock) -> None:
    """Notice that a disk of done/ or failed/ is gone, or is back. A dead share can hold it for hours."""
    while True:
        await clock.sleep(LOOK_SECONDS)
        await asyncio.to_thread(outlets.look)
