"""What has to be done now and then, whatever else goes on."""

from __future__ import annotations

import asyncio
from collections import Counter

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.daemon.reload import LiveRules, retention_policy
from hotfolder.errors import LocalTrouble
from hotfolder.jobs.retention import Retention
from hotfolder.jobs.tools import Tools
from hotfolder.outbox.folders import OutputFolders

logger = log.get("daemon")

CLEAN_SECONDS = 24 * 3600.0
LOOK_SECONDS = 6.0


async def apply_retention(tools: Tools, live: LiveRules) -> None:
    """Once a day, delete what was kept for long enough. Until cancelled."""
    retention = Retention(
        tools.store,
        tools.ledger,
        tools.places,
        tools.desk,
        tools.confirm_inbox,
        tools.decoder,
        tools.result_limits,
    )
    while True:
        gone: Counter[str] = Counter()
        try:
            policy = retention_policy(live.settings)
            async for one in retention.apply(policy, tools.clock.now(), dry_run=False):
                gone[one.kind] += not one.kept_because
                if one.kept_because:
                    logger.info("kept_although_old", path=str(one.path), reason=one.kept_because)
        except LocalTrouble as error:
            logger.warning("not_cleaned", reason=error.message)
        if gone.total():
            logger.info("cleaned", **{f"{kind}s": number for kind, number in gone.items()})
        await tools.clock.sleep(CLEAN_SECONDS)


async def keep_looking(outputs: OutputFolders, clock: Clock) -> None:
    """Notice that a disk of done/ or failed/ is gone, or is back. A dead share can hold it for hours."""
    while True:
        await clock.sleep(LOOK_SECONDS)
        await asyncio.to_thread(outputs.look)
