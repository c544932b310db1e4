"""Which inboxes this daemon works with, where machines share a store: those whose leases it has."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from hotfolder import log
from hotfolder.clock import Clock
from hotfolder.errors import LeaseLost, LocalTrouble, UsageError
from hotfolder.inbox.guard import marker_of, named_otherwise
from hotfolder.jobs.breaker import CircuitBreakers, insist
from hotfolder.jobs.database import StoreThread, store_trouble
from hotfolder.jobs.leases import Leases, copied
from hotfolder.jobs.store import Store
from hotfolder.outbox.faults import trouble_of
from hotfolder.patience import START_SECONDS, NoAnswer, at_once, patiently

REACH_SECONDS = 5.0
"""Between two looks whether an inbox can be reached."""

logger = log.get("ownership")

Begin = Callable[[str], Coroutine[Any, Any, None]]
"""Works with the inbox of that name until cancelled."""
Drop = Callable[[str], Awaitable[None]]
"""Forgets what it knows of an inbox that another machine may work with now; its files stay as they are."""


def refuse_other_names(inboxes: Mapping[str, Path]) -> None:
    """Raise UsageError where the other machines know the folder of one of the inboxes under another name."""
    for name, path in inboxes.items():
        with suppress(NoAnswer):
            marker = at_once(path, partial(marker_of, path), START_SECONDS)
            if why := named_otherwise(path, name, marker):
                raise UsageError(why)


class Ownership:
    """Begins to work with an inbox when its lease is this machine's, and drops it when it is not any more.

    Leases have a thread of their own: whatever the store is asked meanwhile, they are renewed.
    """

    def __init__(
        self,
        leases: Leases,
        store: Store,
        inboxes: Mapping[str, Path],
        breakers: CircuitBreakers,
        clock: Clock,
        *,
        paying: Callable[[], Collection[str]],
        begin: Begin,
        drop: Drop,
    ) -> None:
        """`paying` names the inboxes in which paid calls are in flight."""
        self.leases = leases
        self._store = store
        self._inboxes = inboxes
        self._breakers = breakers
        self._clock = clock
        self._paying = paying
        self._begin = begin
        self._drop = drop
        self._thread = StoreThread()
        self._reached: set[str] = set()
        self._tried: set[str] = set()
        self._asked_for: frozenset[str] = frozenset()
        self._work: dict[str, tuple[int, asyncio.Task[None]]] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._doubted: set[str] = set()

    async def run(self) -> None:
        """Work until cancelled. Raises StoreError where a copy of this machine's `state` is at work."""
        await self._join()
        looking = [asyncio.create_task(self._keep_reaching(name)) for name in self._inboxes]
        trouble = log.News(logger, "leases_not_renewed")
        try:
            while True:
                try:
                    heard = await self._thread(self.leases.exchange, self._breakers.told())
                    self._breakers.hear(heard)
                    reached = frozenset(self._reached)
                    await self._thread(self.leases.look, reached, self._paying())
                    self._asked_for = reached
                    trouble.over()
                except LocalTrouble as error:
                    trouble.met(error.message)
                self._follow()
                await self._clock.sleep(self.leases.pause_seconds)
        finally:
            # What is known of the inboxes stays, for the last words on them; `leave` follows.
            ending = [*looking, *(task for _, task in self._work.values())]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, *self._ending.values(), return_exceptions=True)

    def doubt(self, inbox: str) -> None:
        """Something that was to be done there was refused, since the lease may have been lost: it is dropped,
        and begun anew if it is this machine's after all."""
        self._doubted.add(inbox)

    @property
    def settled(self) -> bool:
        """Whether all that this machine reaches is worked with, here or elsewhere."""
        tried = self._tried == self._inboxes.keys() and self._asked_for == self._reached
        return tried and self.leases.settled and self._work.keys() == self.leases.owned.keys()

    async def leave(self) -> None:
        """Let the other machines have everything, once nothing is done here any more. Never raises."""
        try:
            await self._thread(self.leases.leave)
        except LocalTrouble as error:
            logger.warning("leases_run_out_by_themselves", reason=error.message)
        self._thread.close()

    async def _join(self) -> None:
        """A predecessor that was killed may have been on another host, with this very folder: it is known to
        be dead once it has shown no life for as long as a lease lasts."""
        seen, told = None, log.News(logger, "store_not_reached").met
        while alive := await insist(self._clock, partial(self._thread, self.leases.join), told):
            if seen is not None and alive != seen:
                raise copied(self.leases.state)
            seen = alive
            await self._clock.sleep(self.leases.pause_seconds)

    def _follow(self) -> None:
        """Begin and end the work as the leases have it. Nothing is waited for: what takes its time at its end
        must not keep the leases of the others from being renewed."""
        owned = dict(self.leases.owned)
        doubted, self._doubted = self._doubted, set()
        for name, ending in list(self._ending.items()):
            if ending.done():
                del self._ending[name]
                ending.result()
        for name, (epoch, task) in list(self._work.items()):
            met = task.exception() if task.done() else None
            if isinstance(met, Exception) and not isinstance(met, LeaseLost) and trouble_of(met) is None:
                raise met  # a defect: it never ends by itself
            if owned.get(name) != epoch or name in doubted or task.done():
                self._end(name)
        for name, epoch in owned.items():
            if name not in self._work and name not in self._ending:
                logger.info("inbox_taken", inbox=name, epoch=epoch)
                self.leases.begun[name] = epoch
                self._work[name] = epoch, asyncio.create_task(self._begin(name))

    def _end(self, name: str) -> None:
        _, task = self._work.pop(name)
        del self.leases.begun[name]
        logger.info("inbox_dropped", inbox=name)
        task.cancel()
        self._ending[name] = asyncio.create_task(self._drop_after(name, task))

    async def _drop_after(self, name: str, task: asyncio.Task[None]) -> None:
        await asyncio.gather(task, return_exceptions=True)
        await self._drop(name)
        self._doubted.discard(name)

    async def _keep_reaching(self, name: str) -> None:
        path = self._inboxes[name]
        while True:
            try:
                can = await patiently(path, self._can_reach, name, path)
            except (LocalTrouble, OSError):
                can = False
            (self._reached.add if can else self._reached.discard)(name)
            self._tried.add(name)
            await self._clock.sleep(REACH_SECONDS)

    def _can_reach(self, name: str, path: Path) -> bool:
        """Whether the inbox's folder is there, and is the one that all machines call so. One without a marker
        is a bare mount point, unless no machine has ever met it."""
        if not path.is_dir():
            return False
        if (marker := marker_of(path)) is not None:
            return not named_otherwise(path, name, marker)
        with store_trouble():
            return not self._store.met("inbox", name)
