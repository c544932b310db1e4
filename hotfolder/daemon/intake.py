"""The intake: turns the events of the inboxes into early uploads, jobs, refused jobs, and holds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence, Set
from contextlib import suppress
from dataclasses import replace
from functools import partial

import structlog

from hotfolder import log
from hotfolder.blocking import call_in_thread
from hotfolder.daemon.newjobs import jobs_of_room, refused_by_inbox
from hotfolder.daemon.shoots import Hold, Shoots, identities, signals_removed
from hotfolder.errors import LocalTrouble, RuleRefused, UnusablePhoto
from hotfolder.inbox.approvals import as_approved
from hotfolder.inbox.contents import READY_NAME, is_ready_name
from hotfolder.inbox.events import SetArriving, SetRefused
from hotfolder.jobs.breaker import insist
from hotfolder.jobs.context import SetPlace
from hotfolder.jobs.heldsets import remember_held
from hotfolder.jobs.model import photo_file, stamp
from hotfolder.jobs.previous import orphaned_merges, unique_room_name, why_room_held
from hotfolder.jobs.steps.uploading import OpenGroup
from hotfolder.jobs.worker import Worker
from hotfolder.pictures.facts import PictureLimits
from hotfolder.rules.foldernames import split_name
from hotfolder.rules.grouping.copies import without_copies
from hotfolder.rules.holds import WaitReason, why_name_held
from hotfolder.rules.hours import opens_at
from hotfolder.rules.late import MergedSet
from hotfolder.rules.routing import Rulebook, plan
from hotfolder.rules.sets import MOST_PHOTOS, BracketSet, Photo
from hotfolder.rules.shoots import HeldSet
from hotfolder.stager.operations import HdrOptions

logger = log.get("intake")


class Intake:
    """Takes the events of the inboxes. `held` has, by place, why a settled set did not become a job."""

    def __init__(self, worker: Worker, look_anew: Callable[[str, str, str], None]) -> None:
        """`look_anew` makes an inbox deliver a set again, with all files in its folder."""
        self.worker = worker
        self.look_anew = look_anew
        self.held: dict[SetPlace, Hold] = {}
        self.shoots = Shoots(worker)
        self.early = Early(worker)
        self._orphans: list[MergedSet] | None = None
        self._judging: dict[SetPlace, bool] = {}

    async def accept(self, inbox: str, found: BracketSet | SetRefused) -> None:
        """Make a job of what was found, or hold it. Retried for as long as the store can't be written."""
        with structlog.contextvars.bound_contextvars(project=found.project, room=room_of(found.folder)):
            log_trouble = partial(logger.warning, "set_not_recorded_yet")
            await insist(self.worker.context.clock, partial(self._accept, inbox, found), log_trouble)

    async def _accept(self, inbox: str, found: BracketSet | SetRefused) -> None:
        if isinstance(found, SetRefused):
            where = self.worker.context.places.inbox(inbox)
            await self.worker.submit(await call_in_thread(where, refused_by_inbox, inbox, found))
            return
        place = (inbox, found.project, found.folder)
        if self.held.pop(place, None) is not None and found.folder:
            # The held photos are still there, and these were added: they must be judged together.
            return self.look_anew(*place)
        self._judging[place] = False
        try:
            if hold := await self._make_jobs(place, found):
                self._hold(place, hold)
        finally:
            del self._judging[place]

    async def _make_jobs(self, place: SetPlace, found: BracketSet) -> Hold:
        """Make the jobs of a set; return what is held."""
        context = self.worker.context
        if self._orphans is None:
            self._orphans = await context.store_thread(orphaned_merges, context.store)
        if found.folder:
            why = await self._take_room(place, found, self._orphans)
            return Hold(why, room=frozenset(photo.name for photo in found.photos))
        rulebook = context.settings.rulebooks[place[0]]
        return await self.shoots.take(place[0], found, rulebook, self._orphans)

    async def _take_room(
        self, place: SetPlace, found: BracketSet, orphaned: Sequence[MergedSet]
    ) -> WaitReason:
        """Make the jobs of a room; return why it is held, an empty Why where it isn't."""
        context = self.worker.context
        rulebook = context.settings.rulebooks[place[0]]
        _, said = await self.shoots.approval_beside(place[0], found)
        found, changed = as_approved(found, said, rulebook)
        why = await context.store_thread(why_room_held, context.store, rulebook, place, found, orphaned)
        why = why.preceded_by(changed)
        if why.lasting or not why:
            there = identities(found.photos)
            held = [HeldSet("", there, (why.reason,), late=True)] if why else []
            await remember_held(context, place, held, there)
        if why:
            return why
        used_names = await context.store_thread(context.store.rooms, place[0], found.project)
        signals = [path for path in found.companions if is_ready_name(path.name)]
        found = replace(found, companions=tuple(path for path in found.companions if path not in signals))
        if len(found.photos) > MOST_PHOTOS or without_copies(found.photos)[1]:
            found = replace(found, photos=await self._with_signatures(found.photos))
        room = await context.store_thread(
            unique_room_name, context.store, place, room_of(found.folder), found.photos
        )
        jobs = await call_in_thread(found.path, jobs_of_room, place[0], found, used_names, rulebook, room)
        for new in jobs:
            for note in new.notes:
                logger.warning("kept_out_of_merge", folder=found.folder, reason=note)
            await self.worker.submit(new)
        # A signal left there would approve these photos again when they come back from failed/; an earlier
        # approval, which came to nothing, is over.
        await signals_removed([*signals, found.path / READY_NAME] if signals else [])
        return WaitReason()

    async def _with_signatures(self, photos: Sequence[Photo]) -> tuple[Photo, ...]:
        """The photos with signature and brightness, which the inbox doesn't compute for a room, and which
        tell sets and copies apart; unchanged where one can't be read now."""
        seen = []
        with suppress(UnusablePhoto, LocalTrouble):
            for photo in photos:
                facts = await self.worker.context.decoder.inspect(photo.path, PictureLimits())
                same = facts.sha256 == photo.sha256
                seen.append(
                    replace(photo, signature=facts.signature, brightness=facts.brightness) if same else photo
                )
        return tuple(seen) if len(seen) == len(photos) else tuple(photos)

    async def glimpse(self, inbox: str, arriving: SetArriving) -> None:
        """Look at photos before they have settled: those of a room are sent ahead, and those of a flat drop
        may belong to a set that is about to be paid for. LocalTrouble is ignored: all is looked at again."""
        with suppress(LocalTrouble):
            await (self.early.see if arriving.folder else self.shoots.glimpse)(inbox, arriving)

    def forget_moved(self, inbox: str, there: Callable[[str, str], Set[str]]) -> None:
        """Forget the holds of photos that were moved out of the inbox; have a room judged again that a part
        of them left. `there` returns, for project and folder, the names of the delivered files that are still
        there unchanged."""
        for place, hold in list(self.held.items()):
            if place[0] != inbox:
                continue
            names = there(*place[1:])
            left = hold.of(names)
            if left and hold.room <= names:
                self.held[place] = left
                continue
            del self.held[place]
            if left:
                self.look_anew(*place)

    async def drop(self, inbox: str) -> None:
        """Forget what is held and sent ahead of an inbox whose lease another machine may have now."""
        await self.early.close(inbox)
        self.held = {place: hold for place, hold in self.held.items() if place[0] != inbox}
        self._orphans = None

    def job_ended(self, place: SetPlace) -> bool:
        """Note that a job with photos at `place` has ended. Returns whether the hold there must be judged
        again. If a set there is being judged at this moment, by a state of the job that is stale now, and is
        then held, the inbox delivers it again."""
        if place in self._judging:
            self._judging[place] = True
        held = self.held.get(place)
        if held is None or not held.why:
            return False  # the holds of single sets depend on no job
        del self.held[place]
        return True

    def _hold(self, place: SetPlace, hold: Hold) -> None:
        if self._judging[place]:
            return self.look_anew(*place)
        self.held[place] = hold
        for why in filter(None, (hold.why, *(why for _, why in hold.sets.values()))):
            logger.warning("set_held", folder=place[2], reason=why.reason, hint=why.hint)


def room_of(folder: str) -> str:
    return split_name(folder).name or folder


FORGET_SECONDS = 120.0
"""A group without an event for this long, and without a job about to take it over, is abandoned."""


class Early:
    """Sends photos as soon as they are complete, while their set still arrives; the merge waits. Opens at
    most as many groups as jobs may run at once.

    Uploading is free, so nothing is lost when the set changes later: its group is abandoned. The groups are a
    cache: a job takes over the group with its photos; without one, it uploads them itself.
    """

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.context = worker.context

    async def see(self, inbox: str, arriving: SetArriving) -> None:
        """Upload the complete photos of a set that aren't being uploaded yet; open its group even before the
        first one. The set's job uploads what is missing. Raises LocalTrouble while the store fails."""
        place = (inbox, arriving.project, arriving.folder)
        if self.context.claimed(*place):
            return  # those photos came after their set's job, and may be held
        now = self.context.clock.monotonic()
        photos = [photo_file(photo) for photo in arriving.photos]
        self._forget_stale(now)
        group = self.context.early_groups.get(place)
        changed = group is not None and photos and not group.part_of(photos)
        if changed or (group is not None and arriving.photo_count > MOST_PHOTOS):
            self._drop(place)
            group = None
        if group is None:
            group = await self._opened(place, arriving.photo_count)
        if group is None:
            return
        group.heard_at = now
        if group.failed:
            return  # the job sends them, and says what is wrong
        for photo in photos:
            if photo.name not in group.photos:
                group.send(photo)

    async def close(self, inbox: str | None = None) -> None:
        """Cancel all uploads, or those of one inbox."""
        those = [place for place in self.context.early_groups if inbox in (None, place[0])]
        groups = [self.context.early_groups.pop(place) for place in those]
        await asyncio.gather(*(group.close() for group in groups))

    async def _opened(self, place: SetPlace, photo_count: int) -> OpenGroup | None:
        """Open a group for the set; None at the limit, outside the schedule, and where the set may not be
        merged."""
        context, now = self.context, self.context.clock.now()
        closed = opens_at(context.settings.hours, now.astimezone()) is not None
        if closed or len(context.early_groups) >= self.worker.most_jobs:
            return None
        rulebook = context.settings.rulebooks[place[0]]
        merge = certain_merge(rulebook, place, photo_count)
        if merge is None or why_name_held(rulebook, *place[1:], [None], known=False):
            return None
        # A set whose folder had a job before may be held as late photos of that job.
        if await context.store_thread(context.store.latest_of_folder, *place) is not None:
            return None
        group = context.early_groups[place] = OpenGroup(context, place, *merge, (1, stamp(now), place[2]))
        return group

    def _drop(self, place: SetPlace) -> None:
        logger.info("early_group_abandoned", project=place[1], folder=place[2])
        self.context.early_groups.pop(place).abandon()

    def _forget_stale(self, now: float) -> None:
        for place, group in list(self.context.early_groups.items()):
            if now - group.heard_at > FORGET_SECONDS and not self.context.claimed(*place):
                self._drop(place)


def certain_merge(rulebook: Rulebook, place: SetPlace, photo_count: int) -> tuple[str, HdrOptions] | None:
    """Project title and merge options of a set that has `photo_count` photos so far. The API needs them
    before the photos, so None where more photos may change them, or where the set is refused or not
    merged."""
    merges = set()
    for count in range(photo_count, MOST_PHOTOS + 1):
        try:
            decided = plan(rulebook, place[1], place[2], count)
        except RuleRefused:
            if count == photo_count:
                return None
            continue
        if decided.recipe.merge:
            merges.add((decided.project_title, decided.recipe.hdr))
        elif count == photo_count:
            return None
    return merges.pop() if len(merges) == 1 else None
