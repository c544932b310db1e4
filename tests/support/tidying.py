"""`hotfolder clean` at another time, and by rules that the settings may not allow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from hotfolder.cli.stores import books
from hotfolder.inbox.recheck import confirm_inbox
from hotfolder.jobs.compaction import Passing, pass_by
from hotfolder.jobs.desk import Desk
from hotfolder.jobs.due import Due, Keep
from hotfolder.jobs.retention import Retention
from hotfolder.jobs.tools import Places
from hotfolder.pictures.decoder import Decoder
from hotfolder.pictures.facts import PictureLimits


async def tidied(
    config: Path,
    keep: Keep,
    now: datetime,
    *,
    dry_run: bool = False,
    passing: Passing = pass_by,
    before: Callable[[Places], None] = lambda _places: None,
) -> list[Due]:
    """Everything that was due at `now`."""
    desk, decoder = Desk(), Decoder()
    try:
        with books(config) as opened:
            before(opened.places)
            retention = Retention(
                opened.store,
                opened.ledger,
                opened.places,
                desk,
                decoder,
                PictureLimits(),
                partial(confirm_inbox, marker_id=opened.store.identity(now)),
                passing,
            )
            return [due async for due in retention.clean(keep, now, dry_run=dry_run)]
    finally:
        await decoder.close()
        desk.close()
