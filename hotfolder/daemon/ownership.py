"""Which inboxes this daemon works with, where machines share a store: those whose leases it has."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hotfolder import log
from hotfolder.blocking import START_TIMEOUT_SECONDS, FileTimeout, call_in_thread, call_within
from hotfolder.clock import Clock
from hotfolder.errors import LeaseLost, LocalTrouble, UsageError
from hotfolder.inbox.guard import marker_at, why_other_name
from hotfolder.jobs.breaker import CircuitBreakers, insist
from hotfolder.jobs.database import StoreThread, store_trouble
from hotfolder.jobs.leases import Leases, copied
from hotfolder.jobs.store import Store
from hotfolder.outbox.faults import trouble_of
from hotfolder.paths import is_dir

REACH_SECONDS = 5.0
"""The interval of the checks whether an inbox can be reached."""

logger = log.get("ownership")


def refuse_other_names(inboxes: Mapping[str, Path]) -> None:
    """Raise UsageError where an inbox's marker says that the other machines use its folder under another
    name. An inbox that doesn't answer in time is skipped."""
    for name, path in inboxes.items():
        with suppress(FileTimeout):
            marker = call_within(path, partial(marker_at, path), START_TIMEOUT_SECONDS)
            if marker and (why := why_other_name(path, name, marker)):
                raise UsageError(why)


@dataclass(eq=False)
class Ownership:
    """Starts work with an inbox when this machine gets its lease, and stops it when the lease is lost.

    Leases are renewed on a thread of their own, so that slow queries of the store can't delay it.
    """

    leases: Leases
    store: Store
    inboxes: Mapping[str, Path]
    breakers: CircuitBreakers
    clock: Clock
    _: KW_ONLY
    paying: Callable[[], Collection[str]]
    """Returns the inboxes in which paid calls are in flight."""
    begin: Callable[[str], Coroutine[Any, Any, None]]
    """Works with an inbox until cancelled."""
    drop: Callable[[str], Awaitable[None]]
    """Discards all state of an inbox that another machine may work with now, and touches none of its
    files."""

    def __post_init__(self) -> None:
        self._thread = StoreThread()
        self._reached: set[str] = set()
        self._tried: set[str] = set()
        self._asked_for: frozenset[str] = frozenset()
        self._work: dict[str, tuple[int, asyncio.Task[None]]] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._doubted: set[str] = set()

    async def run(self) -> None:
        """Renew leases and follow them until cancelled. Raises StoreError where a copy of this machine's
        `state` is running, and whatever unexpected error ends the work with an inbox."""
        await self._join()
        looking = [asyncio.create_task(self._keep_reaching(name)) for name in self.inboxes]
        trouble = log.RecurringWarning(logger, "leases_not_renewed")
        try:
            while True:
                try:
                    published = await self._thread(self.leases.exchange, self.breakers.host_pauses())
                    self.breakers.adopt_pauses(published)
                    reached = frozenset(self._reached)
                    await self._thread(self.leases.renew, reached, self.paying())
                    self._asked_for = reached
                    trouble.reset()
                except LocalTrouble as error:
                    trouble.warn(error.message)
                self._apply_leases()
                await self.clock.sleep(self.leases.pause_seconds)
        finally:
            # The inboxes' state is kept for the last report; `leave` follows.
            ending = [*looking, *(task for _, task in self._work.values())]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, *self._ending.values(), return_exceptions=True)

    def restart_inbox(self, inbox: str) -> None:
        """Restart the work with an inbox, since the fence refused a write and the lease may be lost. It is
        dropped, and begun again if this machine still has the lease."""
        self._doubted.add(inbox)

    @property
    def settled(self) -> bool:
        """Whether every inbox that this machine can reach has an owner, this machine or another, and the work
        has begun here for those it owns."""
        tried = self._tried == self.inboxes.keys() and self._asked_for == self._reached
        return tried and self.leases.settled and self._work.keys() == self.leases.owned.keys()

    async def leave(self) -> None:
        """Release all leases, once nothing is in progress. Never raises: leases that stay expire by
        themselves."""
        try:
            await self._thread(self.leases.leave)
        except LocalTrouble as error:
            logger.warning("leases_run_out_by_themselves", reason=error.message)
        self._thread.close()

    async def _join(self) -> None:
        """Register this machine. A killed predecessor with this `state` may have run on another host: wait
        until its heartbeat hasn't changed for the length of a lease. Raises StoreError where it changes."""
        seen, report = None, log.RecurringWarning(logger, "store_not_reached").warn
        while alive := await insist(self.clock, partial(self._thread, self.leases.join), report):
            if seen is not None and alive != seen:
                raise copied(self.leases.state)
            seen = alive
            await self.clock.sleep(self.leases.pause_seconds)

    def _apply_leases(self) -> None:
        """Start and stop work as the leases say. Awaits nothing: a slow stop must not delay the other leases'
        renewal."""
        owned = dict(self.leases.owned)
        doubted, self._doubted = self._doubted, set()
        for name, ending in list(self._ending.items()):
            if ending.done():
                del self._ending[name]
                ending.result()
        for name, (epoch, task) in list(self._work.items()):
            met = task.exception() if task.done() else None
            if isinstance(met, Exception) and not isinstance(met, LeaseLost) and trouble_of(met) is None:
                raise met  # a defect: this coroutine never returns
            if owned.get(name) != epoch or name in doubted or task.done():
                self._end(name)
        for name, epoch in owned.items():
            if name not in self._work and name not in self._ending:
                logger.info("inbox_taken", inbox=name, epoch=epoch)
                self.leases.begun[name] = epoch
                self._work[name] = epoch, asyncio.create_task(self.begin(name))

    def _end(self, name: str) -> None:
        _, task = self._work.pop(name)
        del self.leases.begun[name]
        logger.info("inbox_dropped", inbox=name)
        task.cancel()
        self._ending[name] = asyncio.create_task(self._drop_after(name, task))

    async def _drop_after(self, name: str, task: asyncio.Task[None]) -> None:
        await asyncio.gather(task, return_exceptions=True)
        await self.drop(name)
        self._doubted.discard(name)

    async def _keep_reaching(self, name: str) -> None:
        path = self.inboxes[name]
        while True:
            try:
                can = await call_in_thread(path, self._can_reach, name, path)
            except (LocalTrouble, OSError):
                can = False
            (self._reached.add if can else self._reached.discard)(name)
            self._tried.add(name)
            await self.clock.sleep(REACH_SECONDS)

    def _can_reach(self, name: str, path: Path) -> bool:
        """Whether the inbox's folder is there, and has this name on all machines. One without a marker is
        taken for a bare mount point, unless no machine has ever met it."""
        if not is_dir(path):
            return False
        if (marker := marker_at(path)) is not None:
            return not why_other_name(path, name, marker)
        with store_trouble():
            return name not in self.store.folder_names("inbox")
