"""Early uploads: a photo goes up as soon as it is complete, while its set still arrives; the merge waits.

Uploading is free, so nothing is lost when a set changes after all: its group is abandoned.
What is on its way here is a cache. A job that finds its photos up takes the group over; else it sends them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from hotfolder import log
from hotfolder.daemon.newjobs import Memo
from hotfolder.errors import LocalTrouble, RuleRefused
from hotfolder.inbox.events import SetArriving
from hotfolder.jobs.context import Place
from hotfolder.jobs.model import stamp
from hotfolder.jobs.steps.uploading import OpenGroup, Sending
from hotfolder.jobs.worker import Worker
from hotfolder.rules.hours import opens_at
from hotfolder.rules.routing import Rulebook, plan
from hotfolder.rules.sets import MOST_PHOTOS
from hotfolder.stager.operations import HdrOptions

logger = log.get("early")

AGAIN_SECONDS = 30.0
"""After an upload that failed, so long until another one is tried for the same photos."""
MOST_A_SECOND = 300
FORGET_SECONDS = 120.0
"""A group of which nothing was heard for so long, and that no job is about to take, is forgotten."""


@dataclass(frozen=True, slots=True)
class ArrivingSet:
    """What the API is told of a set before its photos."""

    title: str
    hdr: HdrOptions


class Early:
    """Opens groups for sets that still arrive, at most `most` at a time, and sends their photos."""

    def __init__(self, engine: Worker, rulebook: Callable[[str], Rulebook], most: int) -> None:
        self.engine = engine
        self.context = engine.context
        self.rulebook = rulebook
        self.most = most
        self._heard_at: dict[Place, float] = {}
        self._wish = Memo(wish_of, self.context.clock.monotonic)
        self._considered, self._considered_since = 0, float("-inf")

    async def see(self, inbox: str, arriving: SetArriving) -> None:
        """Send what is complete of a set and isn't on its way yet; open its group even before that. Never
        raises for what may go wrong."""
        place = (inbox, arriving.project, arriving.folder)
        if self.engine.context.claims.names(*place):
            return  # those photos came after their set's job, and may be held
        now = self.context.clock.monotonic()
        photos = [
            Sending(photo.path.name, photo.identity, photo.sha256, photo.format, photo.develop)
            for photo in arriving.photos
        ]
        self._forget_stale(now)
        group = self.context.early.get(place)
        if group is not None and photos and not self._usable(group, photos, arriving.photo_count):
            self._drop(place)
            group = None
        if group is None:
            group = await self._opened(place, arriving.photo_count)
        if group is None:
            return
        if not group.failed:
            self._heard_at[place] = now
            for photo in photos:
                if photo.name not in group.photos:
                    group.send(photo)
        elif now - self._heard_at[place] > AGAIN_SECONDS:
            self._drop(place)

    async def close(self) -> None:
        """Stop whatever is on its way."""
        groups = [self.context.early.pop(place) for place in list(self.context.early)]
        await asyncio.gather(*(group.close() for group in groups))

    def _usable(self, group: OpenGroup, photos: list[Sending], photo_count: int) -> bool:
        return photo_count <= MOST_PHOTOS and group.part_of(photos)

    async def _opened(self, place: Place, photo_count: int) -> OpenGroup | None:
        """A new group for the set, unless it is doubtful whether it will be merged."""
        if len(self.context.early) >= self.most or self._considered_enough():
            return None  # asked first: thousands of sets may be waiting
        wish = self._wish(self.rulebook(place[0]), place, photo_count)
        if wish is None:
            return None
        if opens_at(self.context.hours, self.context.clock.now().astimezone()) is not None:
            return None  # its job says until when it waits
        try:
            # A set whose folder had a job before may be held as a straggler of that one.
            known = await self.context.desk(self.context.store.latest_of_folder, *place)
        except LocalTrouble:
            return None
        if known is not None:
            return None
        rank = (1, stamp(self.context.clock.now()), place[2])
        group = self.context.early[place] = OpenGroup(self.context, place, wish.title, wish.hdr, rank)
        logger.debug("group_opened_early", project=place[1], folder=place[2])
        return group

    def _considered_enough(self) -> bool:
        """Whether so many sets were considered within a second that the rest may wait for their jobs."""
        now = self.context.clock.monotonic()
        if now - self._considered_since >= 1:
            self._considered, self._considered_since = 0, now
        self._considered += 1
        return self._considered > MOST_A_SECOND

    def _drop(self, place: Place) -> None:
        logger.info("early_group_abandoned", project=place[1], folder=place[2])
        self.context.early.pop(place).abandon()

    def _forget_stale(self, now: float) -> None:
        self._heard_at = {place: at for place, at in self._heard_at.items() if place in self.context.early}
        for place, heard_at in self._heard_at.items():
            if now - heard_at > FORGET_SECONDS and not self.engine.context.claims.names(*place):
                self._drop(place)


def wish_of(rulebook: Rulebook, place: Place, photo_count: int) -> ArrivingSet | None:
    """What a set of so many photos, or more, will be merged with; None where that is refused or uncertain."""
    wishes = set()
    for count in range(photo_count, MOST_PHOTOS + 1):
        try:
            decided = plan(rulebook, place[1], place[2], count)
        except RuleRefused:
            if count == photo_count:
                return None
            continue
        if decided.recipe.merge:
            wishes.add(ArrivingSet(decided.project_title, decided.recipe.hdr))
        elif count == photo_count:
            return None
    return wishes.pop() if len(wishes) == 1 else None
