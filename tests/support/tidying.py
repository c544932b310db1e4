"""`hotfolder clean` at another time, and by rules that the settings may not allow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from hotfolder.cli.clean import apply
from hotfolder.cli.stores import books
from hotfolder.jobs.context import Places
from hotfolder.jobs.retention import Expired, RetentionPolicy
from hotfolder.pictures.facts import PictureLimits


async def tidied(
    config: Path,
    policy: RetentionPolicy,
    now: datetime,
    *,
    dry_run: bool = False,
    before: Callable[[Places], None] = lambda _places: None,
) -> list[Expired]:
    """Everything that was old enough at `now`."""
    with books(config) as opened:
        before(opened.places)
        return await apply(opened, policy, PictureLimits(), now, dry_run=dry_run)
