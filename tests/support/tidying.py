"""`hotfolder clean` at another time, and by rules that the settings may not allow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from hotfolder.control.opening import opened
from hotfolder.control.upkeep import clean
from hotfolder.jobs.context import Places
from hotfolder.jobs.retention import Expired, RetentionPolicy


async def tidied(
    config: Path,
    policy: RetentionPolicy,
    now: datetime,
    *,
    dry_run: bool = False,
    before: Callable[[Places], None] = lambda _places: None,
) -> list[Expired]:
    """Everything that was old enough at `now`."""
    with opened(config) as installation:
        before(installation.places)
        return await clean(installation, dry_run=dry_run, policy=policy, at=now)
