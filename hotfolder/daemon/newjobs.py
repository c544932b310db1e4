"""From a set to the job that the rules make of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from hotfolder.errors import RuleRefused
from hotfolder.inbox.events import SetRefused
from hotfolder.jobs.model import FileRole, NewFile, NewJob
from hotfolder.outbox.faults import local_trouble
from hotfolder.rules.names import split_name
from hotfolder.rules.recipes import Recipe
from hotfolder.rules.routing import Rulebook, plan
from hotfolder.rules.sets import BracketSet, FileIdentity, Photo

NOTHING = Recipe(merge=False)
"""What is made of a refused set: not even what was bought of its photos before is delivered."""


def new_job(inbox: str, found: BracketSet, rulebook: Rulebook) -> NewJob:
    """The job that the rules make of a set; a refused one, under its folder's whole name, when they don't
    allow it. Reads file states."""
    files = tuple(NewFile(photo.path.name, photo.identity, FileRole.PHOTO, photo) for photo in found.photos)
    files += companions(found.companions)
    try:
        decided = plan(rulebook, found.project, found.folder, len(found.photos))
    except RuleRefused as error:
        return NewJob(
            inbox=inbox,
            project=found.project,
            folder=found.folder,
            room=found.folder,
            title=split_name(found.project).name or found.project,
            files=files,
            recipe=NOTHING.model_copy(update={"notes": error.also}),
            reason=error.message,
            hint=error.hint,
        )
    middle = found.middle()
    return NewJob(
        inbox=inbox,
        project=found.project,
        folder=found.folder,
        room=decided.room,
        title=decided.project_title,
        files=files,
        recipe=decided.recipe.model_copy(update={"taken_on": taken_on(middle)}),
        route=decided.route,
        again=decided.again,
        middle=middle.path.name,
    )


def taken_on(photo: Photo) -> str:
    """The day by the camera's clock, such as 2026-05-04; empty where it says none."""
    seconds = photo.capture.started_seconds if photo.capture else None
    # That clock is written down as if it showed UTC.
    return datetime.fromtimestamp(seconds, UTC).date().isoformat() if seconds is not None else ""


def refused_by_inbox(inbox: str, event: SetRefused) -> NewJob:
    """The refused job of a set whose photos can't be used. They count as companions: nobody read them."""
    return NewJob(
        inbox=inbox,
        project=event.project,
        folder=event.folder,
        room=event.folder,
        title=split_name(event.project).name or event.project,
        files=companions(event.files),
        recipe=NOTHING,
        reason=event.reason,
        hint=event.hint,
    )


def companions(paths: tuple[Path, ...]) -> tuple[NewFile, ...]:
    """The files that are still there, as they are now. Raises LocalTrouble."""
    found = []
    for path in paths:
        try:
            with local_trouble(path):
                seen = path.lstat()
        except FileNotFoundError:
            continue
        identity = FileIdentity.of(seen)
        found.append(NewFile(path.name, identity, FileRole.COMPANION))
    return tuple(found)
