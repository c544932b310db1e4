"""From a settled set to a job, or to a refused one, or to one that is held and explained."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.daemon.memo import Memo
from hotfolder.daemon.newjobs import refused_by_inbox
from hotfolder.daemon.shoots import Shoots, jobs_of_room
from hotfolder.errors import LocalTrouble
from hotfolder.inbox.events import InboxEvent, SetRefused
from hotfolder.jobs.backoff import backoff_seconds
from hotfolder.jobs.engine import Engine
from hotfolder.jobs.states import ACTIVE, State
from hotfolder.jobs.tables import HOLDING, FileRole, Job, JobFile
from hotfolder.rules.grouping.habits import uncopied
from hotfolder.rules.names import split_name
from hotfolder.rules.routing import Rulebook, SettleRule, settle_rule
from hotfolder.rules.sets import BracketSet, Photo
from hotfolder.rules.shoots import asks_review

logger = log.get("intake")

TO_REVIEW = (
    "its route asks for a review. `hotfolder explain` shows what would be made; `hotfolder approve` or a file"
    " named .ready in its folder lets it be made"
)
LATE = timedelta(hours=1)
"""A photo that appears so soon after its folder's set was finished is taken for a straggler of that set."""

Place = tuple[str, str, str]
"""Inbox name, project folder, set folder."""


class Intake:
    """Takes what the inboxes deliver. `held` says why a set that has settled does not become a job."""

    def __init__(
        self,
        engine: Engine,
        rulebook: Callable[[str], Rulebook],
        clock: Clock,
        look_anew: Callable[[str, str, str], None],
    ) -> None:
        """`look_anew` has an inbox deliver a set once more, with all that lies in its folder."""
        self.engine = engine
        self.look_anew = look_anew
        self.rulebook = rulebook
        self.clock = clock
        self.held: dict[Place, str] = {}
        self.shoots = Shoots(engine)
        self.pending = 0
        self._settle_rule = Memo(rule_of, clock.monotonic)
        self._orphans: list[frozenset[str]] | None = None

    def settle_rule(self, inbox: str, project: str, folder: str, photo_count: int) -> SettleRule:
        """When a set of that inbox may start, by the rules as they are now."""
        return self._settle_rule(self.rulebook(inbox), (inbox, project, folder), photo_count)

    async def accept(self, inbox: str, event: InboxEvent) -> None:
        """Make a job of `event`, however long the store can't be written."""
        self.pending += 1
        found = event if isinstance(event, SetRefused) else event.bracket_set
        try:
            with structlog.contextvars.bound_contextvars(project=found.project, room=room_of(found.folder)):
                await self._accept_patiently(inbox, event)
        finally:
            self.pending -= 1

    async def _accept_patiently(self, inbox: str, event: InboxEvent) -> None:
        for failures in range(1, 1_000_000):
            try:
                return await self._accept(inbox, event)
            except LocalTrouble as error:
                logger.warning("set_not_recorded_yet", reason=error.message, hint=error.hint)
                await self.clock.sleep(backoff_seconds(min(failures, 5)))

    async def _accept(self, inbox: str, event: InboxEvent) -> None:
        if isinstance(event, SetRefused):
            await self.engine.submit(await asyncio.to_thread(refused_by_inbox, inbox, event))
            return
        found = event.bracket_set
        place = (inbox, found.project, found.folder)
        if self.held.pop(place, None) is not None and found.folder:
            # What was held lies there still, and this is what came to it: only together can they be judged.
            return self.look_anew(*place)
        tools = self.engine.tools
        if self._orphans is None:
            self._orphans = await tools.desk(tools.ledger.orphans)
        why = torn(found, self._orphans)
        if why:
            return self._hold(place, why)
        if not found.folder:
            return await self._accept_shoot(place, found)
        await self._accept_room(place, found)

    async def _accept_room(self, place: Place, found: BracketSet) -> None:
        tools = self.engine.tools
        rulebook = self.rulebook(place[0])
        earlier = await tools.desk(tools.store.latest_of_folder, *place)
        if earlier is not None:
            files = await tools.desk(tools.store.files, earlier.id)
            calls = await tools.desk(tools.ledger.of_job, earlier.id)
            paid_for = earlier.state == State.DONE or any(call.state in HOLDING for call in calls)
            why = straggler(found, earlier, [file for file in files if file.role == FileRole.PHOTO], paid_for)
            if why:
                return self._hold(place, why)
        if not found.approved and asks_review(rulebook, found.project, found.folder):
            return self._hold(place, TO_REVIEW)
        given = await tools.desk(tools.store.rooms, place[0], found.project)
        for new in await asyncio.to_thread(jobs_of_room, place[0], found, given, rulebook):
            for note in new.notes:
                logger.warning("kept_out_of_merge", folder=found.folder, reason=note)
            await self.engine.submit(new)

    async def _accept_shoot(self, place: Place, found: BracketSet) -> None:
        tools = self.engine.tools
        fresh = await self.shoots.fresh(place[0], found)
        if fresh and not found.approved:
            earlier = await tools.desk(tools.store.latest_of_folder, *place)
            why = ""
            if earlier is not None:
                files = await tools.desk(tools.store.files, earlier.id)
                photo_count = sum(file.role == FileRole.PHOTO for file in files)
                why = latecomers(fresh, earlier, photo_count)
            if why:
                return self._hold(place, why)
        why = await self.shoots.take(place[0], found, fresh, self.rulebook(place[0]))
        if why:
            self._hold(place, why)

    def _hold(self, place: Place, why: str) -> None:
        self.held[place] = why
        logger.warning("set_held", folder=place[2], reason=why)


def room_of(folder: str) -> str:
    return split_name(folder).name or folder


def latecomers(photos: Sequence[Photo], earlier: Job, earlier_photos: int) -> str:
    """Why photos of a flat drop must not be paid for by themselves, soon after the rest; "" when they may:
    as many as the latest set had may be a set of their own."""
    if len(photos) >= max(2, earlier_photos):
        return ""
    if State(earlier.state) not in ACTIVE and too_late(photos, earlier):
        return ""
    name = photos[0].path.name
    if len(photos) == 1:
        return (
            f"{name} came alone, after the other photos of its shoot had been taken, and is not paid for by"
            " itself. If it is a picture of its own, say so with a file named .ready or `hotfolder approve`;"
            " else move it out"
        )
    return (
        f"{name} and {len(photos) - 1} more came after the other photos of their shoot had been taken; they"
        " are fewer than its latest set had, and are not paid for by themselves. If they are a set of their"
        " own, say so with a file named .ready or `hotfolder approve`; else move them out"
    )


def too_late(photos: Sequence[Photo], earlier: Job) -> bool:
    """Whether the photos came so long after a job had ended that they don't belong to it."""
    until = datetime.fromisoformat(earlier.finished_at or earlier.updated_at) + LATE
    return max(photo.identity.ctime_ns for photo in photos) / 1e9 > until.timestamp()


def torn(found: BracketSet, orphans: Sequence[frozenset[str]]) -> str:
    """Why `found` must not be paid for: it has some photos, and not all, of a set that a lost store had paid
    for; "" when it may."""
    hashes = {photo.sha256 for photo in found.photos}
    if found.approved or all(orphan <= hashes or not orphan & hashes for orphan in orphans):
        return ""
    return (
        "some of these photos were merged and paid for together with others, and the job store that knew of"
        " it is lost. The others lie among the originals in done; move them back here, and nothing is paid"
        " again"
    )


def straggler(found: BracketSet, earlier: Job, earlier_photos: Sequence[JobFile], paid_for: bool) -> str:
    """Why `found` must not be paid for by itself, as the rest of `earlier`'s set; "" when it may."""
    names = ", ".join(photo.path.name for photo in found.photos[:3])
    one = len(found.photos) == 1
    if State(earlier.state) in ACTIVE:
        waits = "it waits" if one else "they wait"
        return f"{names} came while the rest of the set is being worked on; {waits} for that to end"
    if found.approved or not paid_for or too_late(found.photos, earlier):
        return ""
    if whole_again(found, earlier_photos):
        return ""
    return (
        f"{names} came after the set had been paid for, and {'is' if one else 'are'} not paid for"
        f" {'by itself' if one else 'by themselves'}. If {'it is' if one else 'they are'} a picture of"
        f" {'its' if one else 'their'} own, move {'it' if one else 'them'} into a new folder; to make the set"
        f" again with {'it' if one else 'them'}, drop all its photos together"
    )


def whole_again(found: BracketSet, earlier_photos: Sequence[JobFile]) -> bool:
    """Whether all photos of the earlier set came too, as they were or exported anew under their names."""
    names = {photo.path.name for photo in found.photos}
    names |= {uncopied(name) for name in names}
    hashes = {photo.sha256 for photo in found.photos}
    return all(file.name in names or file.sha256 in hashes for file in earlier_photos)


def rule_of(rulebook: Rulebook, place: Place, photo_count: int) -> SettleRule:
    return settle_rule(rulebook, place[1], place[2], photo_count)
