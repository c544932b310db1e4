"""New jobs: applies the rules to a set, or to several sets in one folder."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from hotfolder.errors import RuleRefused
from hotfolder.inbox.contents import is_ready_name
from hotfolder.inbox.events import SetRefused
from hotfolder.jobs.context import SetPlace
from hotfolder.jobs.model import FileRole, JobFile, NewJob, job_file, photo_file
from hotfolder.outbox.faults import local_trouble
from hotfolder.rules.foldernames import split_name
from hotfolder.rules.grouping.results import Grouping
from hotfolder.rules.recipes import NOTHING
from hotfolder.rules.routing import Rulebook, plan
from hotfolder.rules.sets import BracketSet, FileIdentity, Photo, middle_exposure, names_sharing_stem
from hotfolder.rules.shoots import group_folder


def new_job(inbox: str, found: BracketSet, rulebook: Rulebook) -> NewJob:
    """The job for a set by the rules; a refused one, whose room is the folder's whole name, where they refuse
    it. Reads the companions' file states. Raises LocalTrouble."""
    files = (*map(photo_file, found.photos), *companions(found.companions))
    try:
        decided = plan(rulebook, found.project, found.folder, len(found.photos))
    except RuleRefused as error:
        where = (inbox, found.project, found.folder)
        job = refused_job(where, found.folder, files, error.message, error.hint)
        return replace(job, recipe=NOTHING.model_copy(update={"notes": error.also}))
    middle = middle_exposure(found.photos)
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


def refused_job(place: SetPlace, room: str, files: tuple[JobFile, ...], reason: str, hint: str) -> NewJob:
    """The job of a set that can't be made, whose files are at `place`: they go to failed/."""
    inbox, project, folder = place
    title = split_name(project).name or project
    return NewJob(inbox, project, folder, room, title, files, NOTHING, reason=reason, hint=hint)


def taken_on(photo: Photo) -> str:
    """The date by the camera's clock, such as 2026-05-04; empty where the photo has none."""
    seconds = photo.capture.started_seconds if photo.capture else None
    # The camera's local time is stored as if it were UTC.
    return datetime.fromtimestamp(seconds, UTC).date().isoformat() if seconds is not None else ""


def refused_by_inbox(inbox: str, event: SetRefused) -> NewJob:
    """The refused job of a set with unusable photos; these count as companions, since they were not
    decoded."""
    place = (inbox, event.project, event.folder)
    return refused_job(place, event.folder, companions(event.files), event.reason, event.hint)


def companions(paths: tuple[Path, ...]) -> tuple[JobFile, ...]:
    """The files that still exist, with their present state. Raises LocalTrouble."""
    found = []
    for path in paths:
        try:
            with local_trouble(path):
                seen = path.lstat()
        except FileNotFoundError:
            continue
        found.append(job_file(path.name, FileIdentity.of(seen), FileRole.COMPANION))
    return tuple(found)


def jobs_of(inbox: str, found: BracketSet, shoot: Grouping, rulebook: Rulebook) -> list[NewJob]:
    """A job for each set, with the files that travel with its photos; a refused job for each set of over
    seven photos. Raises LocalTrouble."""
    left = {path.name: path for path in found.companions if not is_ready_name(path.name)}
    jobs = []
    for each in shoot.sets:
        beside = pop_companions(left, each.photos)
        room = BracketSet(found.inbox, found.project, each.name, each.photos, beside)
        new = new_job(inbox, room, rulebook)
        recipe = new.recipe.model_copy(update={"notes": each.notes, "by_person": each.by_person})
        jobs.append(replace(new, folder="", room=each.name, recipe=recipe))
    for one in shoot.refused:
        files = (*map(photo_file, one.photos), *companions(pop_companions(left, one.photos)))
        jobs.append(refused_job((inbox, found.project, ""), one.name, files, one.reason, one.hint))
    return jobs


def pop_companions(left: dict[str, Path], photos: Sequence[Photo]) -> tuple[Path, ...]:
    """Remove from `left` the files that travel with these photos, and return them."""
    names = names_sharing_stem(list(left), [photo.name for photo in photos])
    return tuple(left.pop(name) for name in names)


def jobs_of_room(
    inbox: str, found: BracketSet, used_names: Collection[str], rulebook: Rulebook, name: str = ""
) -> list[NewJob]:
    """The jobs of a room's folder: one, unless it holds several sets. Photos kept out of the merges, such as
    one with flash, go with the first job, whose history says why. The room is called `name`, or as its folder
    where that is empty. Raises LocalTrouble."""
    room = group_folder(rulebook, found.project, found.folder, found.photos, used_names, name)
    left = {path.name: path for path in found.companions}
    aside = tuple(photo.path for photo in found.photos if photo.name in room.kept_out)
    jobs = []
    for each in room.parts():
        part = replace(found, photos=each.photos, companions=pop_companions(left, each.photos))
        jobs.append(named(new_job(inbox, part, rulebook), each.name))
    rest = companions((*left.values(), *aside))
    notes = tuple(room.kept_out.values())
    jobs[0] = replace(jobs[0], files=jobs[0].files + rest, notes=notes)
    return jobs


def named(new: NewJob, room: str) -> NewJob:
    """The job with `room` as its room; a refused one keeps its folder's name, which tells it from others."""
    return new if new.reason else replace(new, room=room)
