"""`hotfolder clean` at another time, and by rules that the settings may not allow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from hotfolder.cli.clean import let_go
from hotfolder.cli.stores import books
from hotfolder.jobs.compaction import Passing, pass_by
from hotfolder.jobs.due import Due, Keep
from hotfolder.jobs.tools import Places
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
    with books(config) as opened:
        before(opened.places)
        return await let_go(opened, keep, PictureLimits(), now, dry_run=dry_run, passing=passing)
