"""The inbox: scans one folder, on events and on a schedule, and emits the sets that are ready or refused."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Set
from dataclasses import KW_ONLY, dataclass

from hotfolder import log
from hotfolder.blocking import FILE_TIMEOUT_SECONDS
from hotfolder.clock import Clock, sleep_until_set
from hotfolder.errors import UsageError
from hotfolder.inbox import notices
from hotfolder.inbox.approvals import Approvals, marked_folder
from hotfolder.inbox.contents import SetKey
from hotfolder.inbox.events import (
    Claimed,
    InboxEvent,
    InboxOptions,
    InboxStatus,
    SetArriving,
    SetRefused,
    SettlingSet,
)
from hotfolder.inbox.guard import Root, RootScanner, RootStatus, Scope
from hotfolder.inbox.notices import Notice
from hotfolder.inbox.scan import Snapshot
from hotfolder.inbox.settle import Pace, Refused, Settled
from hotfolder.inbox.tracker import PhotoCache, SetTracker
from hotfolder.inbox.watch import Watch
from hotfolder.pictures.decoder import Decoder
from hotfolder.rules.routing import settle_rule
from hotfolder.rules.sets import BracketSet

logger = log.get("inbox")

_GATHER_SECONDS = 0.05
"""The minimum between two looks that events or decoded photos ask for: a copy causes many of them."""
_DEGRADED_SECONDS = 1.0
_AWAKE_SECONDS = 1.0
_LATE_SECONDS = 2.0
"""A second that ends later than this was not the event loop's: no time that passed in it counts as quiet."""
COMPLETE_REASON = "the set is complete and waits for its turn"
"""Why a set has no job yet although it has settled: those before it are still being taken."""


@dataclass(eq=False)
class Inbox:
    """Watches `root`, an absolute folder of `<project>/<folder>/` sets.

    `claimed` files are ignored, and new photos beside them are a separate set. `beat` is called while a scan
    runs or waits for a share that doesn't answer; `moved` only when the file system has answered. The caller
    closes the decoder.
    """

    root: Root
    _: KW_ONLY
    beat: Callable[[], None] = lambda: None
    moved: Callable[[], None] = lambda: None
    claimed: Claimed
    settings: InboxOptions
    decoder: Decoder
    clock: Clock

    def __post_init__(self) -> None:
        path = self._path = self.root.path
        self._scanner = RootScanner(self.root, self.beat, self.moved)
        self._watch: Watch | None = None
        self._cache = PhotoCache(path, self.decoder, self.settings.limits, self.clock)
        self._tracker = SetTracker(path)
        self._approvals = Approvals(path, self.claimed)
        self._marker_notice: Notice | None = None
        self._lock_notice: Notice | None = None
        self._events: asyncio.Queue[InboxEvent | None] = asyncio.Queue()
        self._unprocessed: dict[SetKey, SettlingSet] = {}
        """The sets that are ready or refused, until the consumer has processed their events."""
        self._wake, self._photos_wait = asyncio.Event(), asyncio.Event()
        self._touched: set[SetKey | None] = set()
        """The sets to look at again; None for the whole inbox."""
        self._observed_at = float("-inf")
        self._scan_at = float("-inf")
        self._awake_at = float("inf")
        """The real time at which this process was last seen to run; inf while nothing looks after it."""
        self._scanned_once = False
        self.degraded = ""
        """The reason, as of the last look, why the inbox can't be used or reached; "" where it can."""
        self.identity: tuple[int, int] | None = None
        """Device and inode of the folder as of the last successful check, None before it."""
        self._logged_notices: frozenset[Notice] = frozenset()

    def claim(self) -> None:
        """Check the root at start, blocking for some seconds at the most. Raises UsageError where another
        process uses it; any other trouble is kept as `degraded`."""
        status = self._scanner.check_at_once()
        if status.holder:
            raise UsageError(status.degraded)
        self._apply_status(status, self.clock.monotonic())

    async def events(self) -> AsyncGenerator[InboxEvent, None]:
        """Scan and emit events until closed: each set that is ready or refused once, and those that are still
        arriving at each look. The next look waits until the consumer has processed all events of this one."""
        self._events = asyncio.Queue()
        looking = asyncio.create_task(self._scan_loop())
        looking.add_done_callback(lambda _: self._events.put_nowait(None))
        try:
            while (event := await self._events.get()) is not None:
                yield event
                self._unprocessed.pop((event.project, event.folder), None)
                self._events.task_done()
            looking.result()
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    async def look(self) -> tuple[BracketSet | SetRefused, ...]:
        """Scan the whole inbox once, decode the photos that are due, and return the sets that are ready or
        refused. They are not emitted by `events` again."""
        found = await self._observe(None)
        while read := [key async for key in self._read_photos()]:
            found += await self._observe(frozenset(read))
        self._unprocessed.clear()
        return tuple(event for event in found if not isinstance(event, SetArriving))

    def forget(self, project: str, folder: str) -> None:
        """Discard a set's state and look at it again as if it had just arrived; for a set that changed after
        it was emitted."""
        self._tracker.forget((project, folder))
        self._look_again((project, folder))

    def look_soon(self, project: str, folder: str) -> None:
        """Have a set looked at soon, and the whole inbox scanned where `folder` is "": a job has released
        files there."""
        if not folder:
            self._look_again(None)
        self._look_again((project, folder))

    def apply_settings(self, settings: InboxOptions) -> None:
        """Replace the settings and scan the whole inbox soon."""
        self.settings = settings
        self._cache.limits = settings.limits
        self._look_again(None)

    def decided_files(self, project: str, folder: str) -> Set[str]:
        """The names of the set's files that were emitted, as ready or refused, and have not changed since."""
        return self._tracker.decided_files((project, folder))

    def status(self) -> InboxStatus:
        """The inbox's status as of the last look."""
        settling = (*self._tracker.settling(self.clock.monotonic()), *self._unprocessed.values())
        looks = self._wake.is_set() or self._touched or not self._scanned_once
        return InboxStatus(
            settling=settling,
            notices=self._notices(),
            degraded=self.degraded or self._cache.trouble,
            why_looking=self._watch.why_unreliable if self._watch is not None else "not looked yet",
            may_proceed=not self.degraded
            and (
                bool(self._unprocessed)
                or (not self._cache.trouble and bool(looks or any(one.may_proceed for one in settling)))
            ),
        )

    def _look_again(self, key: SetKey | None) -> None:
        self._touched.add(key)
        self._wake.set()

    async def _scan_loop(self) -> None:
        watch = self._watch = Watch(self._path, self.clock, self._look_again)
        reading = asyncio.create_task(self._read_loop())
        reading.add_done_callback(lambda _: self._wake.set())
        staying_awake = asyncio.create_task(self._stay_awake())
        try:
            while not reading.done():
                self._wake.clear()
                await self._emit(await self._observe(self._due_scope()))
                if not self.degraded:
                    watch.ensure(self.identity)
                await self._wait_for_next_look()
            reading.result()
        finally:
            reading.cancel()
            staying_awake.cancel()
            await asyncio.gather(reading, staying_awake, return_exceptions=True)
            self._awake_at = float("inf")
            await watch.stop()

    async def _stay_awake(self) -> None:
        while True:
            self._awake_at = time.monotonic()
            await asyncio.sleep(_AWAKE_SECONDS)
            self._notice_stop()

    def _notice_stop(self) -> None:
        """Begin all quiet times anew where this process was stopped (SIGSTOP, `docker pause`): what copies
        the photos perhaps was stopped with it. Called by each look too: it may be the first to run again."""
        now = time.monotonic()
        if now - self._awake_at > _AWAKE_SECONDS + _LATE_SECONDS:
            self._tracker.restart(self.clock.monotonic())
            self._awake_at = now

    async def _emit(self, found: list[InboxEvent]) -> None:
        """Emit the events and wait until the consumer has processed them. The root is checked meanwhile, so
        that a share that hangs is reported even when the consumer waits for that same share."""
        for event in found:
            self._events.put_nowait(event)
        treated = asyncio.create_task(self._events.join())
        try:
            while not (await asyncio.wait({treated}, timeout=FILE_TIMEOUT_SECONDS))[0]:
                status, _ = await self._scanner.scan(frozenset(), self._mark_stalled)
                self._apply_status(status, self.clock.monotonic())
        finally:
            treated.cancel()
            self._unprocessed.clear()

    async def _read_loop(self) -> None:
        while True:
            await self._photos_wait.wait()
            self._photos_wait.clear()
            async for key in self._read_photos():
                self._look_again(key)

    async def _read_photos(self) -> AsyncIterator[SetKey]:
        """Decode the photos that are due, one by one; yields the set of each."""
        while (waiting := self._tracker.next_to_read()) is not None:
            if self._cache.judgement(*waiting) is not None:
                continue  # its decoding ended after the last look
            if not await self._cache.read(*waiting):
                return
            yield waiting[0]

    def _due_scope(self) -> frozenset[SetKey] | None:
        """The sets to look at now; None for the whole inbox."""
        now, touched = self.clock.monotonic(), frozenset(key for key in self._touched if key is not None)
        whole, self._touched = None in self._touched, set()
        if whole or self.degraded or now >= self._scan_at or self._tracker.needs_full_scan(touched):
            return None
        return touched.union(self._tracker.due(now))

    async def _wait_for_next_look(self) -> None:
        """Sleep until an event, a decoded photo, the next scan, or the next time at which a set is due."""
        now = self.clock.monotonic()
        until = min(self._scan_at, self._tracker.next_look())
        if self.degraded:
            until = now + min(_DEGRADED_SECONDS, self.settings.scan_seconds)
        until = max(until, now)
        await sleep_until_set(self._wake, self.clock, until - now)
        if self._wake.is_set():
            early = self._observed_at + _GATHER_SECONDS - self.clock.monotonic()
            await self.clock.sleep(max(0.0, early))

    async def _observe(self, scope: Scope) -> list[InboxEvent]:
        self._notice_stop()
        now = self._observed_at = self.clock.monotonic()
        if scope is None:
            self._scan_at = now + self.settings.scan_seconds
        status, snapshot = await self._scanner.scan(scope, self._mark_stalled)
        if scope is None:  # the interval begins at the scan's end, so that long scans don't follow at once
            self._scan_at += self.clock.monotonic() - now
        if self.degraded:
            now = self.clock.monotonic()  # the look may have waited for the share before it saw this
        self._apply_status(status, now)
        if snapshot is None:
            return []
        decided = self._update(snapshot, now)
        unsettled = {one.project for one in self._tracker.settling(now) if one.may_proceed}
        if await self._approvals.apply(snapshot, unsettled):
            self._look_again(None)
        self._log_new_notices()
        return [*decided, *self._arriving(snapshot)]

    def _mark_stalled(self, reason: str) -> None:
        """Mark the inbox degraded and cancel the decoding in progress: the decoder process is shared."""
        self._apply_status(RootStatus(degraded=reason), self.clock.monotonic())
        self._cache.cancel_reading()

    def _apply_status(self, status: RootStatus, now: float) -> None:
        if status.degraded != self.degraded:
            if status.degraded:
                logger.warning("inbox_degraded", inbox=str(self._path), reason=status.degraded)
            else:
                logger.info("inbox_recovered", inbox=str(self._path))
                if self._watch is not None:
                    self._watch.forget_folder()
        if status.taken_over:
            self._marker_notice = notices.taken_over(self._path)
        if not status.degraded:
            self._lock_notice = None if status.lockable else notices.no_locks(self._path)
            if self.degraded or (self.identity is not None and self.identity != status.identity):
                self._tracker.restart(now)
            self.identity = status.identity
        self.degraded = status.degraded

    def _update(self, snapshot: Snapshot, now: float) -> list[BracketSet | SetRefused]:
        decided = self._tracker.update(
            snapshot, now, pace_of=self._pace, claimed=self.claimed, cache=self._cache
        )
        if snapshot.scope is None:
            self._scanned_once = True
            folders = snapshot.folders.items()
            self._cache.evict_except({(key, file.name) for key, seen in folders for file in seen.photos})
        self._photos_wait.set()
        self._approvals.record_settled(key for key, _ in decided)
        events = [self._event(key, verdict) for key, verdict in decided if marked_folder(key) is None]
        for event in events:
            key = (event.project, event.folder)
            self._unprocessed[key] = SettlingSet(*key, COMPLETE_REASON, may_proceed=True)
        return events

    def _arriving(self, snapshot: Snapshot) -> Iterator[SetArriving]:
        for key in snapshot.folders:
            verdict = self._tracker.arriving(key)
            if verdict is not None and marked_folder(key) is None:
                photos = tuple(self._cache.photo(key, file) for file in verdict.complete)
                yield SetArriving(*key, photos, verdict.photo_count)

    def _pace(self, key: SetKey, photo_count: int) -> Pace:
        settings = self.settings
        rule = settle_rule(settings.rulebook, *key, max(1, photo_count))
        quiet = rule.quiet_seconds
        if quiet is None:
            quiet = settings.rulebook.defaults.quiet_seconds
        return Pace(quiet, max(quiet, settings.give_up_seconds), rule.expected_photos)

    def _event(self, key: SetKey, verdict: Settled | Refused) -> BracketSet | SetRefused:
        folder = self._path.joinpath(*key)
        if isinstance(verdict, Refused):
            files = tuple(folder / file.name for file in verdict.files)
            return SetRefused(*key, files, verdict.reason, verdict.hint)
        photos = tuple(self._cache.photo(key, file) for file in verdict.photos)
        companions = tuple(folder / file.name for file in verdict.companions)
        return BracketSet(self._path, *key, photos, companions, verdict.approved)

    def _notices(self) -> tuple[Notice, ...]:
        """All notices, those of the marker and the locks first."""
        own = filter(None, (self._marker_notice, self._lock_notice))
        return (*own, *self._approvals.notices.values(), *self._tracker.notices())

    def _log_new_notices(self) -> None:
        current = frozenset(self._notices())
        for notice in sorted(current - self._logged_notices, key=lambda notice: str(notice.path)):
            logger.warning("left_alone", path=str(notice.path), text=notice.text)
        self._logged_notices = current
