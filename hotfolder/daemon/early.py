"""Early uploads: photos are sent as soon as they are complete, while their set still arrives; the merge
waits.

Uploading is free, so nothing is lost when the set changes later: its group is abandoned. The groups are a
cache: a job takes over the group with its photos; without one, it uploads them itself.
"""

from __future__ import annotations

import asyncio

from hotfolder import log
from hotfolder.errors import RuleRefused
from hotfolder.inbox.events import SetArriving
from hotfolder.jobs.context import Place
from hotfolder.jobs.model import photo_file, stamp
from hotfolder.jobs.steps.uploading import OpenGroup
from hotfolder.jobs.worker import Worker
from hotfolder.rules.hours import opens_at
from hotfolder.rules.routing import Rulebook, plan
from hotfolder.rules.sets import MOST_PHOTOS
from hotfolder.rules.shoots import why_name_held
from hotfolder.stager.operations import HdrOptions

logger = log.get("early")

AGAIN_SECONDS = 30.0
"""The delay after a failed upload before the same photos are tried again."""
FORGET_SECONDS = 120.0
"""A group without an event for this long, and without a job about to take it over, is abandoned."""


class Early:
    """Opens groups for sets that still arrive, at most as many as jobs at once, and uploads their photos."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.context = worker.context

    async def see(self, inbox: str, arriving: SetArriving) -> None:
        """Upload the complete photos of a set that aren't being uploaded yet; open its group even before the
        first one. The set's job uploads what is missing. Raises LocalTrouble while the store fails."""
        place = (inbox, arriving.project, arriving.folder)
        if self.context.claims.names(*place):
            return  # those photos came after their set's job, and may be held
        now = self.context.clock.monotonic()
        photos = [photo_file(photo) for photo in arriving.photos]
        self._forget_stale(now)
        group = self.context.early.get(place)
        changed = group is not None and photos and not group.part_of(photos)
        if changed or (group is not None and arriving.photo_count > MOST_PHOTOS):
            self._drop(place)
            group = None
        if group is None:
            group = await self._opened(place, arriving.photo_count)
        if group is None:
            return
        if not group.failed:
            group.heard_at = now
            for photo in photos:
                if photo.name not in group.photos:
                    group.send(photo)
        elif now - group.heard_at > AGAIN_SECONDS:
            self._drop(place)

    async def close(self, inbox: str | None = None) -> None:
        """Cancel all uploads, or those of one inbox."""
        those = [place for place in self.context.early if inbox in (None, place[0])]
        groups = [self.context.early.pop(place) for place in those]
        await asyncio.gather(*(group.close() for group in groups))

    async def _opened(self, place: Place, photo_count: int) -> OpenGroup | None:
        """Open a group for the set; None at the limit, outside the schedule, and where the set may not be
        merged."""
        context, now = self.context, self.context.clock.now()
        closed = opens_at(context.settings.hours, now.astimezone()) is not None
        if closed or len(context.early) >= self.worker.most_jobs:
            return None
        rulebook = context.settings.rulebooks[place[0]]
        merge = merge_of(rulebook, place, photo_count)
        if merge is None or why_name_held(rulebook, *place[1:], known=False):
            return None
        # A set whose folder had a job before may be held as late photos of that job.
        if await context.store_thread(context.store.latest_of_folder, *place) is not None:
            return None
        group = context.early[place] = OpenGroup(context, place, *merge, (1, stamp(now), place[2]))
        logger.debug("group_opened_early", project=place[1], folder=place[2])
        return group

    def _drop(self, place: Place) -> None:
        logger.info("early_group_abandoned", project=place[1], folder=place[2])
        self.context.early.pop(place).abandon()

    def _forget_stale(self, now: float) -> None:
        for place, group in list(self.context.early.items()):
            if now - group.heard_at > FORGET_SECONDS and not self.context.claims.names(*place):
                self._drop(place)


def merge_of(rulebook: Rulebook, place: Place, photo_count: int) -> tuple[str, HdrOptions] | None:
    """The project's title and the merge's options for a set of `photo_count` photos or more; the API gets
    them before the photos. None where the set is refused or not merged, or where more photos may change
    them."""
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
