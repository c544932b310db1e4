"""One inbox: looks at it when something may have happened, and says which sets are ready or refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.errors import UsageError
from hotfolder.inbox import notices
from hotfolder.inbox.approvals import Approvals, marked_folder
from hotfolder.inbox.contents import MARKER_NAME, SeenFile, SetKey
from hotfolder.inbox.events import (
    InboxEvent,
    InboxOutlook,
    InboxSettings,
    SetArriving,
    SetReady,
    SetRefused,
)
from hotfolder.inbox.guard import (
    Claimed,
    Deliver,
    InboxLock,
    Looker,
    Root,
    RootStatus,
    RuleFor,
    Scope,
    Tell,
    tell_nobody,
)
from hotfolder.inbox.notices import Notice
from hotfolder.inbox.scan import Snapshot
from hotfolder.inbox.settle import Pace, Ready, Refused
from hotfolder.inbox.tracker import PhotoBook, Reading, SetTracker
from hotfolder.inbox.watch import Watch
from hotfolder.patience import PATIENCE_SECONDS
from hotfolder.pictures.decoder import Decoder
from hotfolder.rules.sets import BracketSet, Photo

_GATHER_SECONDS = 0.05
"""The least between two looks for a hint or a photo that was read: a copy makes many."""
_DEGRADED_SECONDS = 1.0
_MOST_AT_ONCE = 50
"""So many sets are looked at together, at the most: those that may start wait for no crowd that arrives."""


class Inbox:
    """Watches `path`, an absolute folder of `<project>/<folder>/` sets.

    `rule_for` takes project, folder and number of photos, 1 or more. `claimed` takes project and folder and
    answers with the names of the files there that belong to unfinished jobs: they are left out, and new
    photos beside them are a set of their own. Both are called on the event loop's thread and must not block.
    `first_start` says that the store behind `marker_id` has never met this inbox; `known_place` is where it
    was when it was last met. `lock` keeps other daemons out, and is the caller's to close. `beat` is called
    while the looking goes on, or waits for a share that doesn't answer; `moved` only when the file system has
    answered. `tell` hears of sets that still arrive. The decoder stays the caller's to close.
    """

    def __init__(
        self,
        path: Path,
        *,
        marker_id: str,
        first_start: bool,
        known_place: tuple[int, int] | None = None,
        lock: InboxLock | None = None,
        beat: Callable[[], None] = lambda: None,
        moved: Callable[[], None] = lambda: None,
        tell: Tell = tell_nobody,
        rule_for: RuleFor,
        claimed: Claimed,
        settings: InboxSettings,
        decoder: Decoder,
        clock: Clock,
    ) -> None:
        self._path = path
        self._rule_for = rule_for
        self._claimed = claimed
        self._settings = settings
        self._tell = tell
        self._clock = clock
        root = Root(path, marker_id, first_start=first_start, known_place=known_place, lock=lock)
        self._looker = Looker(root, beat, moved)
        self._watch: Watch | None = None
        self._book = PhotoBook(decoder, settings.limits, clock)
        self._tracker = SetTracker(path)
        self._approvals = Approvals(path, claimed)
        self._reading = Reading(path, self._book, self._tracker, clock)
        self._looking = asyncio.Lock()
        self._wake = asyncio.Event()
        self._again: set[SetKey] = set()
        self._touched: set[SetKey] = set()
        self._observed_at = float("-inf")
        self._scan_at = float("-inf")
        self._looked = False
        self._undelivered = 0
        self._degraded = ""
        self._place: tuple[int, int] | None = None
        self._told: frozenset[Notice] = frozenset()
        self._log = log.get("inbox")

    def claim(self) -> None:
        """Look at the root before anything else, for a short while. Raises UsageError where another process
        works with it."""
        status = self._looker.check_at_once()
        if status.holder:
            raise UsageError(status.degraded)
        self._take_status(status, self._clock.monotonic())

    async def run(self, deliver: Deliver) -> None:
        """Look, and deliver what is ready or refused, one event at a time, until cancelled."""
        watch = self._watch = Watch(self._path, self._clock, wake=self._wake.set, begun=self._scan_soon)
        judging = asyncio.create_task(self._reading.run(self._look_again))
        try:
            while not judging.done():
                self._wake.clear()
                for event in await self._observe(self._due(*watch.take())):
                    await self._hand_over(deliver(event))
                    self._undelivered -= 1
                if self._settings.watch and not self._degraded:
                    watch.ensure(self._place)
                await self._rest(judging)
            judging.result()
        finally:
            judging.cancel()
            with suppress(asyncio.CancelledError):
                await judging
            await watch.stop()

    async def _hand_over(self, delivery: Awaitable[None]) -> None:
        """Wait for a delivery, which may wait for the inbox itself: that it hangs is to be told even then."""
        handing = asyncio.ensure_future(delivery)
        try:
            while not (await asyncio.wait({handing}, timeout=PATIENCE_SECONDS))[0]:
                async with self._looking:
                    status, _ = await self._looker.look(frozenset(), self._take_stall)
                    self._take_status(status, self._clock.monotonic())
        finally:
            if not handing.done():
                handing.cancel()
                await asyncio.wait({handing})
        handing.result()

    def _scan_soon(self) -> None:
        self._scan_at = float("-inf")
        self._wake.set()

    async def look(self) -> tuple[InboxEvent, ...]:
        """One complete look now, photos read and all. What it returns is delivered by that."""
        events = list(await self._observe(None))
        while self._tracker.waits_for_judging():
            judged: set[SetKey] = set()
            while (key := await self._reading.read_next()) is not None:
                judged.add(key)
            events.extend(await self._observe(frozenset(judged)))
        self._undelivered -= len(events)
        return tuple(events)

    def forget(self, project: str, folder: str) -> None:
        """Look at a set anew, as if it had just arrived; for a set that changed after it was delivered."""
        self._tracker.forget((project, folder))
        self._look_again((project, folder))

    def _look_again(self, key: SetKey) -> None:
        self._again.add(key)
        self._wake.set()

    def glance(self, project: str, folder: str) -> None:
        """Look at a set, or at all where `folder` is "", soon: a job has let go of what it left there."""
        if not folder:
            self._scan_soon()
        self._look_again((project, folder))

    def follow(self, settings: InboxSettings) -> None:
        """Go by these settings from now on, and look at everything anew by them and by changed rules."""
        self._settings = settings
        self._book.limits = settings.limits
        self._scan_soon()

    def delivered(self, project: str, folder: str) -> frozenset[str]:
        """Names of the files there that were delivered and have not changed since."""
        return self._tracker.given((project, folder))

    @property
    def degraded(self) -> str:
        """Why the inbox can't be trusted, or reached, as the last look found; "" where all is well."""
        return self._degraded

    @property
    def place(self) -> tuple[int, int] | None:
        """Device and inode of the folder when it was last found to be the right one."""
        return self._place

    def outlook(self) -> InboxOutlook:
        """How the inbox stood at the last look."""
        settling = self._tracker.settling(self._clock.monotonic())
        busy = self._undelivered > 0 or self._wake.is_set() or bool(self._again)
        return InboxOutlook(
            settling=settling,
            notices=self._tracker.notices(),
            degraded=self._degraded or self._reading.trouble,
            why_looking=self._why_looking(),
            may_proceed=not self._degraded
            and not self._reading.trouble
            and (busy or not self._looked or any(one.may_proceed for one in settling)),
        )

    def _why_looking(self) -> str:
        if not self._settings.watch:
            return "events are switched off"
        return self._watch.why_none if self._watch is not None else "not looked yet"

    def _due(self, touched: frozenset[SetKey], everything: bool) -> frozenset[SetKey] | None:
        """The sets to look at now, after these were announced, and maybe more; None for the whole inbox."""
        now = self._clock.monotonic()
        self._touched |= touched
        # In this order: what may be ready comes before what only arrives.
        wanted = dict.fromkeys((*self._again, *self._tracker.due(now, _MOST_AT_ONCE), *self._touched))
        if everything or self._degraded or now >= self._scan_at:
            self._again.clear()
            self._touched.clear()
            return None
        keys = frozenset(islice(wanted, _MOST_AT_ONCE))
        self._again -= keys
        self._touched -= keys
        if self._again or self._touched:
            self._wake.set()
        return keys

    async def _rest(self, judging: asyncio.Task[None]) -> None:
        """Until a hint, a finished photo, or the next moment at which time alone may change something."""
        now = self._clock.monotonic()
        until = min(self._scan_at, self._tracker.next_look())
        if self._degraded:
            until = now + min(_DEGRADED_SECONDS, self._settings.scan_seconds)
        waking = asyncio.create_task(self._wake.wait())
        sleeping = asyncio.create_task(self._clock.sleep(max(0.0, until - now)))
        try:
            await asyncio.wait({waking, sleeping, judging}, return_when=asyncio.FIRST_COMPLETED)
            if self._wake.is_set():
                early = self._observed_at + _GATHER_SECONDS - self._clock.monotonic()
                await self._clock.sleep(max(0.0, early))
        finally:
            waking.cancel()
            sleeping.cancel()

    async def _observe(self, scope: Scope) -> tuple[InboxEvent, ...]:
        async with self._looking:
            now = self._observed_at = self._clock.monotonic()
            if scope is None:
                self._scan_at = now + self._settings.scan_seconds
            status, snapshot = await self._looker.look(scope, self._take_stall)
            if scope is None:  # a scan that takes long is no reason to scan all the time
                self._scan_at += self._clock.monotonic() - now
            if self._degraded:
                now = self._clock.monotonic()  # what was seen may have been seen only just now
            self._take_status(status, now)
            if snapshot is None:
                return ()
            decided = self._take(snapshot, now)
            unsettled = {one.project for one in self._tracker.settling(now) if one.may_proceed}
            if await self._approvals.apply(snapshot, unsettled):
                self._scan_soon()
            self._tracker.approval_notices = tuple(self._approvals.notices.values())
            self._tell_new_notices()
        for arriving in self._arriving(snapshot):
            await self._tell(arriving)
        return decided

    def _take_stall(self, reason: str) -> None:
        """Nothing is read from a share that doesn't answer: others wait for the process that reads."""
        self._take_status(RootStatus(degraded=reason), self._clock.monotonic())
        self._reading.break_off()

    def _take_status(self, status: RootStatus, now: float) -> None:
        if status.degraded != self._degraded:
            if status.degraded:
                self._log.warning("inbox_degraded", inbox=str(self._path), reason=status.degraded)
            else:
                self._log.info("inbox_recovered", inbox=str(self._path))
                if self._watch is not None:
                    self._watch.forget_place()
        if status.marker_made:
            self._tracker.marker_notice = notices.marker_made_again(self._path, MARKER_NAME)
        if not status.degraded:
            self._tracker.lock_notice = None if status.lockable else notices.no_locks(self._path)
            if self._degraded or (self._place is not None and self._place != status.place):
                self._tracker.restart(now)
            self._place = status.place
        self._degraded = status.degraded

    def _take(self, snapshot: Snapshot, now: float) -> tuple[InboxEvent, ...]:
        decided = self._tracker.take(
            snapshot,
            now,
            pace_of=self._pace,
            claimed=self._claimed,
            judgement_of=lambda key, file: self._book.judgement(self._path_of(key, file), file.identity),
            was_unfinished=lambda key, file: self._book.was_unfinished(
                self._path_of(key, file), file.identity
            ),
        )
        if snapshot.scope is None:
            self._looked = True
            self._book.keep_only(
                {self._path_of(key, file) for key, seen in snapshot.folders.items() for file in seen.photos}
            )
        if self._tracker.waits_for_judging():
            self._reading.wake()
        self._approvals.settled(key for key, _ in decided)
        decided = [(key, verdict) for key, verdict in decided if marked_folder(key) is None]
        self._undelivered += len(decided)
        return tuple(self._event(key, verdict) for key, verdict in decided)

    def _arriving(self, snapshot: Snapshot) -> list[SetArriving]:
        found = []
        for key in snapshot.folders:
            verdict = self._tracker.arriving(key)
            if verdict is not None and marked_folder(key) is None:
                photos = tuple(self._photo(key, file) for file in verdict.complete)
                found.append(SetArriving(*key, photos, verdict.photo_count))
        return found

    def _photo(self, key: SetKey, file: SeenFile) -> Photo:
        return self._book.photo(self._path_of(key, file), file.identity)

    def _pace(self, key: SetKey, photo_count: int) -> Pace:
        rule = self._rule_for(*key, max(1, photo_count))
        quiet = rule.quiet_seconds if rule.quiet_seconds is not None else self._settings.quiet_seconds
        return Pace(quiet, max(quiet, self._settings.give_up_seconds), rule.expected_photos)

    def _event(self, key: SetKey, verdict: Ready | Refused) -> InboxEvent:
        project, folder = key
        if isinstance(verdict, Refused):
            files = tuple(self._path_of(key, file) for file in verdict.files)
            return SetRefused(self._path, project, folder, files, verdict.reason, verdict.hint)
        photos = tuple(self._photo(key, file) for file in verdict.photos)
        companions = tuple(self._path_of(key, file) for file in verdict.companions)
        found = BracketSet(self._path, project, folder, photos, companions, verdict.approved)
        return SetReady(found)

    def _tell_new_notices(self) -> None:
        current = frozenset(self._tracker.notices())
        for notice in sorted(current - self._told, key=lambda notice: str(notice.path)):
            self._log.warning("left_alone", path=str(notice.path), kind=notice.kind.value, text=notice.text)
        self._told = current

    def _path_of(self, key: SetKey, file: SeenFile) -> Path:
        return self._path.joinpath(*key, file.name)
