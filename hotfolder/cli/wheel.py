"""`hotfolder cancel` and `hotfolder priority`: wishes, told to a running daemon through the store."""

from __future__ import annotations

import getpass
import os
from datetime import UTC, datetime
from pathlib import Path

from hotfolder.cli.stores import Books, books
from hotfolder.daemon.lock import holder_of
from hotfolder.errors import UsageError
from hotfolder.jobs import wishes
from hotfolder.jobs.wishes import Priority
from hotfolder.rules.nearest import printable
from hotfolder.service.overview import WORDS


def cancel(target: str, config: Path, *, inbox: str, by: str) -> int:
    """Wish the jobs cancelled. Raises UsageError where there is none, or it is too late for all."""
    with books(config) as opened, opened.store.session() as session, session.begin():
        aim = wishes.meant(session, target, inbox)
        taken = wishes.cancel(session, aim.jobs, by or somebody(), now())
        for job in aim.jobs:
            if job not in taken:
                words = WORDS.get(job.state, job.state)
                print(printable(f"Too late for {job.project} / {job.room} (job {job.id}): {words}."))
        if not taken:
            raise UsageError("nothing was cancelled", hint="Only what isn't finished yet can be.")
        for job in taken:
            print(printable(f"Cancelled: {job.project} / {job.room} (job {job.id})."))
        print(when(opened), "What is paid for already is waited for and published.")
    return 0


def priority(target: str, level: str, config: Path, *, inbox: str, by: str) -> int:
    """Order uploads, merges and operations. Raises UsageError."""
    try:
        wanted = Priority[level.upper()]
    except KeyError:
        raise UsageError(f"there is no priority {level}", hint="Say high, normal or low.") from None
    with books(config) as opened, opened.store.session() as session, session.begin():
        aim = wishes.meant(session, target, inbox)
        if aim.project:
            wishes.prioritise_project(session, aim.inbox, aim.project, wanted)
        wishes.prioritise(session, aim.jobs, wanted, by or somebody(), now())
        name = wanted.name.lower()
        for job in aim.jobs:
            print(printable(f"Priority {name}: {job.project} / {job.room} (job {job.id})."))
        if aim.project:
            print(printable(f"And whatever is still to come of {aim.project}."))
        print(when(opened))
    return 0


def when(opened: Books) -> str:
    if holder_of(opened.places.state) is None:
        return "hotfolder is not running; it is done at the next start."
    return "It is taken up within a second."


def somebody() -> str:
    """Who sits at this terminal."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


def now() -> datetime:
    return datetime.now(UTC)
