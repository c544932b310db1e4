"""How long bought pictures are kept in state/results/."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from hotfolder.jobs.chain import read_chain
from hotfolder.jobs.ledger import Ledger
from hotfolder.jobs.store import Store
from hotfolder.jobs.tables import FileRole
from hotfolder.jobs.tools import recipe_of


def expire_results(store: Store, ledger: Ledger, results: Path, *, keep: timedelta, now: datetime) -> int:
    """Remove results that are older than `keep` and that no unfinished job works with; returns how many.

    The ledger still knows that they were bought: a set that needs one fetches it again, and pays nothing.
    """
    oldest = (now - keep).timestamp()
    old = [path for path in results.iterdir() if path.is_file() and path.stat().st_mtime < oldest]
    needed = needed_results(store, ledger) if old else frozenset[str]()
    expired = [path for path in old if path.name not in needed]
    for path in expired:
        path.unlink()
    return len(expired)


def needed_results(store: Store, ledger: Ledger) -> frozenset[str]:
    """Names of the results that unfinished jobs have bought or reuse."""
    names: set[str] = set()
    for job in store.active():
        photos = [file.sha256 for file in store.files(job.id) if file.role == FileRole.PHOTO]
        for link in read_chain(ledger, job.origin, photos, recipe_of(job), job.generation):
            names.update(result.file for result in link.results)
    return frozenset(names)
