"""How long bought pictures are kept in state/results/."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from pathlib import Path


def expire_results(results: Path, *, keep: timedelta, now: datetime, needed: Collection[str]) -> int:
    """Remove results that are older than `keep` and not `needed` (file names); returns how many.

    The ledger still knows that they were bought: a set that needs one fetches it again, and pays nothing.
    """
    oldest = (now - keep).timestamp()
    removed = 0
    for path in results.iterdir():
        if path.name not in needed and path.stat().st_mtime < oldest:
            path.unlink()
            removed += 1
    return removed
