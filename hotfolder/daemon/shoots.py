"""From a whole shoot in a project's folder to one job for each of its sets."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hotfolder import log
from hotfolder.daemon.newjobs import NOTHING, companions, new_job
from hotfolder.inbox.ignored import READY_NAME
from hotfolder.jobs.engine import Engine
from hotfolder.jobs.newjobs import NewFile, NewJob
from hotfolder.jobs.tables import FileRole
from hotfolder.rules.names import split_name
from hotfolder.rules.routing import Rulebook
from hotfolder.rules.sets import BracketSet, FileIdentity, Photo, sharing_stem
from hotfolder.rules.shoots import NamedRefusal, NamedSet, Shoot, group_folder, group_shoot

logger = log.get("shoots")

Kept = dict[str, tuple[FileIdentity, str]]
"""Photos that stay in the inbox, by name, each in the state it was in, with the reason."""


class Shoots:
    """Groups flat drops and submits their sets. `kept` is by inbox and project."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.kept: dict[tuple[str, str], Kept] = {}
        self._told: dict[tuple[str, str], tuple[frozenset[str], tuple[str, ...]]] = {}

    async def fresh(self, inbox: str, found: BracketSet) -> tuple[Photo, ...]:
        """The photos of the drop that are no job's and were not kept out before."""
        kept = self.kept[inbox, found.project] = await self._known(inbox, found)
        taken = self.engine.tools.claims.names(inbox, found.project, "")
        return tuple(photo for photo in found.photos if photo.path.name not in kept.keys() | taken)

    async def _known(self, inbox: str, found: BracketSet) -> Kept:
        """What was kept out of the drop, by the store, and is still there as it was."""
        tools = self.engine.tools
        read = as_kept(await tools.desk(tools.store.bulletin, title(inbox, found.project)))
        there = {photo.path.name: photo.identity for photo in found.photos}
        return {name: one for name, one in read.items() if there.get(name) == one[0]}

    async def take(self, inbox: str, found: BracketSet, fresh: Sequence[Photo], rulebook: Rulebook) -> str:
        """Make the jobs of `fresh`; or say why a person must look first, and make none."""
        tools = self.engine.tools
        if fresh:
            given = await tools.desk(tools.store.rooms, inbox, found.project)
            shoot = await asyncio.to_thread(group_shoot, rulebook, found.project, fresh, given)
            if shoot.asks and not found.approved:
                return told(found, shoot)
            # First, so that a crash in between never makes a picture of a photo that was kept out.
            await self._keep_out(inbox, found, shoot)
            if shoot.notices:
                names = frozenset(photo.path.name for photo in fresh)
                self._told[inbox, found.project] = names, shoot.notices
            for new in await asyncio.to_thread(jobs_of, inbox, found, shoot, rulebook):
                await self.engine.submit(new)
            logger.info("shoot_taken", project=found.project, sets=len(shoot.sets), kept_out=shoot.kept_out)
        if found.approved:
            await asyncio.to_thread(remove_signal, found.path / READY_NAME)
        return ""

    async def _keep_out(self, inbox: str, found: BracketSet, shoot: Shoot) -> None:
        tools = self.engine.tools
        identities = {photo.path.name: photo.identity for photo in found.photos}
        new = {name: (identities[name], reason) for name, reason in shoot.kept_out.items()}
        if not new:
            return
        kept = {**await self._known(inbox, found), **new}
        await tools.desk(tools.store.post, title(inbox, found.project), as_json(kept), tools.clock.now())
        self.kept[inbox, found.project] = kept

    def notices(self, inbox: str, project: str, there: frozenset[str]) -> list[str]:
        """What is said of the photos of that project's sets, and of those kept out of them, as far as they
        are still `there`."""
        if not there and not self.engine.tools.claims.names(inbox, project, ""):
            # Nothing of the drop is left, or all of it is about to be looked at anew.
            self.kept.pop((inbox, project), None)
            self._told.pop((inbox, project), None)
        kept = self.kept.get((inbox, project), {})
        names, told = self._told.get((inbox, project), (frozenset(), ()))
        of_all = [f"About the photos in {project}: {text}" for text in told if names & there - kept.keys()]
        return of_all + [
            f"Left alone in {project}: {reason} It stays there; move it away when you don't need it."
            for name, (_, reason) in sorted(kept.items())
            if name in there
        ]


def title(inbox: str, project: str) -> str:
    return f"kept out of {inbox}/{project}"


def as_json(kept: Kept) -> dict[str, object]:
    return {
        name: [one.size_bytes, one.mtime_ns, one.ctime_ns, one.inode, reason]
        for name, (one, reason) in kept.items()
    }


def as_kept(content: object) -> Kept:
    if not isinstance(content, Mapping):
        return {}
    return {name: (FileIdentity(*numbers), reason) for name, (*numbers, reason) in content.items()}


def told(found: BracketSet, shoot: Shoot) -> str:
    """Why the drop is held, and what to do."""
    notices = "".join(f"{notice} " for notice in shoot.notices)
    return (
        f"{shoot.asks}. {notices}`hotfolder explain` shows its sets; `hotfolder approve` or a file named"
        f" .ready in the folder {found.project} lets them be made as they are"
    )


def jobs_of(inbox: str, found: BracketSet, shoot: Shoot, rulebook: Rulebook) -> list[NewJob]:
    """A job for each set, with the files that travel with its photos; refused ones for those over seven."""
    left = {path.name: path for path in found.companions if path.name != READY_NAME}

    def beside(photos: Sequence[Photo]) -> tuple[Path, ...]:
        names = sharing_stem(list(left), [photo.path.name for photo in photos])
        return tuple(left.pop(name) for name in names)

    jobs = []
    for each in shoot.sets:
        room = BracketSet(found.inbox, found.project, each.name, each.photos, beside(each.photos))
        new = new_job(inbox, room, rulebook)
        recipe = new.recipe.model_copy(update={"notes": each.notes})
        jobs.append(replace(new, folder="", room=each.name, recipe=recipe))
    for refused in shoot.refused:
        files = tuple(
            NewFile(photo.path.name, photo.identity, FileRole.PHOTO, photo) for photo in refused.photos
        )
        jobs.append(
            NewJob(
                inbox=inbox,
                project=found.project,
                folder="",
                room=refused.name,
                title=split_name(found.project).name or found.project,
                files=files + companions(beside(refused.photos)),
                recipe=NOTHING,
                reason=refused.reason,
                hint=refused.hint,
            )
        )
    return jobs


def jobs_of_room(inbox: str, found: BracketSet, given: Collection[str], rulebook: Rulebook) -> list[NewJob]:
    """The jobs of a room's folder: one, unless it holds several sets. What a merge must not have, such as a
    frame with flash, travels with the first of them, whose story says why."""
    room = group_folder(rulebook, found.project, found.folder, found.photos, given)
    if len(room.sets) + len(room.refused) == 1 and not room.kept_out:
        return [new_job(inbox, found, rulebook)]
    left = {path.name: path for path in found.companions}
    aside = tuple(photo.path for photo in found.photos if photo.path.name in room.kept_out)
    parts: list[NamedSet | NamedRefusal] = [*room.sets, *room.refused]
    jobs = []
    for each in parts:
        beside = sharing_stem(list(left), [photo.path.name for photo in each.photos])
        paths = tuple(left.pop(name) for name in beside)
        part = replace(found, photos=each.photos, companions=paths)
        jobs.append(replace(new_job(inbox, part, rulebook), room=each.name))
    rest = companions((*left.values(), *aside))
    notes = tuple(room.kept_out.values())
    jobs[0] = replace(jobs[0], files=jobs[0].files + rest, notes=notes)
    return jobs


def remove_signal(path: Path) -> None:
    """It was for this grouping alone. One that can't be removed is older than whatever comes next."""
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("ready_file_left", path=str(path), reason=error.strerror or str(error))
