"""From a settled set to a job, or to a refused one, or to one that is held and explained."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.errors import LocalTrouble, RuleRefused
from hotfolder.inbox.events import InboxEvent, SetRefused
from hotfolder.jobs.backoff import backoff_seconds
from hotfolder.jobs.engine import Engine
from hotfolder.jobs.states import ACTIVE, State
from hotfolder.jobs.store import NewFile, NewJob
from hotfolder.jobs.tables import FileRole, Job
from hotfolder.rules.names import split_name
from hotfolder.rules.recipes import Recipe
from hotfolder.rules.routing import Rulebook, SettleRule, plan, settle_rule
from hotfolder.rules.sets import BracketSet, FileIdentity

logger = log.get("intake")

LATE = timedelta(hours=1)
"""A photo that appears so soon after its folder's set was finished is taken for a straggler of that set."""

NOTHING = Recipe(merge=False)
"""What is made of a refused set: not even what was bought of its photos before is delivered."""

Place = tuple[str, str, str]
"""Inbox name, project folder, set folder."""


class Intake:
    """Takes what the inboxes deliver. `held` says why a set that has settled does not become a job."""

    def __init__(self, engine: Engine, rulebook: Callable[[str], Rulebook], clock: Clock) -> None:
        self.engine = engine
        self.rulebook = rulebook
        self.clock = clock
        self.held: dict[Place, str] = {}
        self.pending = 0

    def settle_rule(self, inbox: str, project: str, folder: str, photo_count: int) -> SettleRule:
        """When a set of that inbox may start, by the rules as they are now."""
        return settle_rule(self.rulebook(inbox), project, folder, photo_count)

    async def accept(self, inbox: str, event: InboxEvent) -> None:
        """Make a job of `event`, however long the store can't be written."""
        self.pending += 1
        try:
            for failures in range(1, 1_000_000):
                try:
                    return await self._accept(inbox, event)
                except LocalTrouble as error:
                    logger.warning("set_not_recorded_yet", reason=error.message, hint=error.hint)
                    await self.clock.sleep(backoff_seconds(min(failures, 5)))
        finally:
            self.pending -= 1

    async def _accept(self, inbox: str, event: InboxEvent) -> None:
        if isinstance(event, SetRefused):
            await self.engine.submit(await asyncio.to_thread(refused_by_inbox, inbox, event))
            return
        found = event.bracket_set
        place = (inbox, found.project, found.folder)
        self.held.pop(place, None)
        tools = self.engine.tools
        earlier = await tools.desk(tools.store.latest_of_folder, *place)
        if earlier is not None:
            photos = await tools.photos(earlier)
            why = straggler(found, earlier, len(photos))
            if why:
                self.held[place] = why
                logger.warning("set_held", project=found.project, folder=found.folder, reason=why)
                return
        await self.engine.submit(await asyncio.to_thread(new_job, inbox, found, self.rulebook(inbox)))


def straggler(found: BracketSet, earlier: Job, earlier_photos: int) -> str:
    """Why `found` must not be paid for by itself, as the rest of `earlier`'s set; "" when it may."""
    names = ", ".join(photo.path.name for photo in found.photos[:3])
    if State(earlier.state) in ACTIVE:
        return f"{names} came while the rest of its set is being worked on; it waits for that to end"
    if earlier.state != State.DONE or earlier.finished_at is None or len(found.photos) >= earlier_photos:
        return ""
    until = datetime.fromisoformat(earlier.finished_at) + LATE
    newest = max(photo.identity.ctime_ns for photo in found.photos) / 1e9
    if newest > until.timestamp():
        return ""
    return (
        f"{names} came after its set had been merged, and is not paid for by itself. If it is a picture of"
        " its own, move it into a new folder; to make the set again with it, drop all its photos together"
    )


def new_job(inbox: str, found: BracketSet, rulebook: Rulebook) -> NewJob:
    """The job that the rules make of a set; a refused one when they don't allow it. Reads file states."""
    files = tuple(NewFile(photo.path.name, photo.identity, FileRole.PHOTO, photo) for photo in found.photos)
    files += companions(found.companions)
    name = split_name(found.folder)
    try:
        decided = plan(rulebook, found.project, found.folder, len(found.photos))
    except RuleRefused as error:
        return NewJob(
            inbox=inbox,
            project=found.project,
            folder=found.folder,
            room=name.name or found.folder,
            title=split_name(found.project).name or found.project,
            files=files,
            recipe=NOTHING,
            reason=error.message,
            hint=error.hint,
        )
    return NewJob(
        inbox=inbox,
        project=found.project,
        folder=found.folder,
        room=decided.room,
        title=decided.project_title,
        files=files,
        recipe=decided.recipe,
        route=decided.route,
        again=decided.again,
        middle=found.middle().path.name,
    )


def refused_by_inbox(inbox: str, event: SetRefused) -> NewJob:
    """The refused job of a set whose photos can't be used. They count as companions: nobody read them."""
    return NewJob(
        inbox=inbox,
        project=event.project,
        folder=event.folder,
        room=split_name(event.folder).name or event.folder,
        title=split_name(event.project).name or event.project,
        files=companions(event.files),
        recipe=NOTHING,
        reason=event.reason,
        hint=event.hint,
    )


def companions(paths: tuple[Path, ...]) -> tuple[NewFile, ...]:
    """The files that are still there, as they are now."""
    found = []
    for path in paths:
        try:
            seen = path.lstat()
        except FileNotFoundError:
            continue
        identity = FileIdentity(seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino)
        found.append(NewFile(path.name, identity, FileRole.COMPANION))
    return tuple(found)
