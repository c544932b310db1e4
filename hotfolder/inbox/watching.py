"""The events of one inbox, begun and ended beside its looks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from hotfolder.clock import Clock
from hotfolder.inbox.noticing import Noticing
from hotfolder.inbox.snapshot import SetKey, Snapshot
from hotfolder.inbox.watch import Hints, Watcher
from hotfolder.patience import PATIENCE_SECONDS

Place = tuple[int, int] | None


class Watching:
    """`wake` is called when something was announced; `begun` when events have begun: what came since the last
    look, and before them, is announced by nothing. To be made within the event loop."""

    def __init__(
        self,
        inbox: Path,
        noticing: Noticing,
        clock: Clock,
        *,
        wake: Callable[[], object],
        begun: Callable[[], object],
    ) -> None:
        self._noticing = noticing
        self._clock = clock
        self._begun = begun
        self._hints = Hints(inbox, wake, asyncio.get_running_loop())
        self._watcher = Watcher(inbox, self._hints, clock)
        self._inspecting: asyncio.Task[None] | None = None

    def take(self) -> tuple[frozenset[SetKey], bool]:
        """What was announced since the last time: sets, and whether something above the sets was."""
        touched, everything = self._hints.take()
        self._noticing.hinted(touched, everything)
        return touched, everything

    def see_to(self, place: Place) -> None:
        """Have events, or not, for the folder that is at `place` now, beside everything else: with thousands
        of folders that takes seconds, and on a share that doesn't answer it may get stuck."""
        now = self._clock.monotonic()
        if not self.inspecting and not self._noticing.settled(self._watcher, place, now):
            self._inspecting = asyncio.create_task(self._inspect(place, now))

    @property
    def inspecting(self) -> bool:
        """Whether events are about to begin or to end."""
        return self._inspecting is not None and not self._inspecting.done()

    async def _inspect(self, place: Place, now: float) -> None:
        if await asyncio.to_thread(self._noticing.inspect, self._watcher, place, now):
            self._begun()

    async def found(self, snapshot: Snapshot, place: Place, now: float) -> None:
        """A look at the whole inbox, begun at `now`, found this. Events that are still to begin can't have
        announced it."""
        if self._noticing.settled(self._watcher, place, now):
            await asyncio.to_thread(self._noticing.found, snapshot, self._watcher, now)

    async def stop(self) -> None:
        """End the events; wait for that only so long, since a share may hang."""
        if self._inspecting is not None:
            self._inspecting.cancel()
        stopping = asyncio.create_task(asyncio.to_thread(self._watcher.stop))
        await asyncio.wait({stopping}, timeout=PATIENCE_SECONDS)
