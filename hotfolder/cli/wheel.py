"""`hotfolder cancel` and `hotfolder priority`: wishes, told to a running daemon through the store."""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from hotfolder.cli.stores import Books, books
from hotfolder.daemon.folders import holder_of
from hotfolder.display import say as print
from hotfolder.errors import UsageError
from hotfolder.jobs import commands as wishes
from hotfolder.jobs.commands import Priority
from hotfolder.rules.names import printable
from hotfolder.telemetry.overview import WORDS


def cancel(target: str, config: Path, *, inbox: str, by: str) -> int:
    """Wish the jobs cancelled. Raises UsageError where there is none, or it is too late for all."""
    with books(config) as opened, opened.store.session() as session, session.begin():
        aim = wishes.meant(session, target, inbox, **arrived(opened, target))
        taken = wishes.cancel(session, aim.jobs, by or somebody(), now())
        for job in aim.jobs:
            if job not in taken:
                words = WORDS.get(job.state, job.state)
                print(printable(f"Too late for {job.project} / {job.room} (job {job.id}): {words}."))
        if not taken:
            raise UsageError(
                printable(f"nothing of {aim.project or target} is under way that could be cancelled"),
                hint="Sets that are still arriving are taken back by taking their folders out of the inbox.",
            )
        for job in taken:
            print(printable(f"Cancelled: {job.project} / {job.room} (job {job.id})."))
        print(when(opened), "A paid call under way is waited for, and its picture is delivered.")
    return 0


def priority(target: str, level: str, config: Path, *, inbox: str, by: str) -> int:
    """Order uploads, merges and operations. Raises UsageError."""
    try:
        wanted = Priority[level.upper()]
    except KeyError:
        raise UsageError(f"there is no priority {level}", hint="Say high, normal or low.") from None
    with books(config) as opened, opened.store.session() as session, session.begin():
        aim = wishes.meant(session, target, inbox, **arrived(opened, target))
        if aim.project:
            wishes.prioritise_project(session, aim.inbox, aim.project, wanted)
        wishes.prioritise(session, aim.jobs, wanted, by or somebody(), now())
        name = wanted.name.lower()
        for job in aim.jobs:
            print(printable(f"{job.project} / {job.room} (job {job.id}) has {name} priority."))
        if aim.project:
            none = "" if aim.jobs else "Nothing of it is under way. "
            print(printable(f"{none}Every set of {aim.project} that is still to come gets {name} priority."))
        print(when(opened))
    return 0


def arrived(opened: Books, target: str) -> dict[str, Sequence[str]]:
    """The inboxes in which there is a project's folder of that name, and those with such a room's folder;
    whether or not anything of it has begun."""
    name = target.rstrip("/").rpartition("/")[2]
    inboxes = opened.places.inboxes.items()
    return {
        "dropped": [title for title, path in inboxes if name and (path / name).is_dir()],
        "arriving": [
            title for title, path in inboxes if "/" in target.strip("/") and (path / target).is_dir()
        ],
    }


def when(opened: Books) -> str:
    if holder_of(opened.places.state) is None:
        return "hotfolder is not running; this is done at the next start."
    return "hotfolder takes it up within a second."


def somebody() -> str:
    """Who sits at this terminal."""
    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return "somebody"


def now() -> datetime:
    return datetime.now(UTC)
