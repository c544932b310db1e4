"""How much goes on at once, over all jobs together: priority semaphores that adapt to the API."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

from hotfolder.errors import TooManyRequests
from hotfolder.jobs.commands import Priority
from hotfolder.jobs.model import Job, stamp

Rank = tuple[int, str, str]
PICTURE: Rank = (0, "", "")
"""A merged picture on its way to an operation: it unblocks work that is paid for already."""
START = {"uploads": 6, "merges": 12, "operations": 8, "downloads": 6}
MOST = {"uploads": 10, "merges": 32, "operations": 16, "downloads": 16}
"""Where an adaptive limit begins, and how far it may go. Rather a few too many than a line or a cluster that
idles: what is over its capacity queues there, and is no later for that."""


def photo_rank(job: Job) -> Rank:
    """Oldest set first, among those of the same priority."""
    return (1, stamp(job.created_at), job.id)


class AdaptiveLimit:
    """At most `number` holders at once; among those that wait, the lowest rank goes first, then the first to
    come. `priorities` are the present ones of jobs, by id; a job that isn't in it has the normal one.

    The number grows by one after as many successes as it has, while somebody waits, and is halved when the
    API answers 429 (additive increase, multiplicative decrease). With `most` None it is fixed.
    """

    def __init__(self, number: int, most: int | None = None) -> None:
        self.number = number
        self.most = most
        self.priorities: Mapping[str, int] = {}
        self._held = 0
        self._came = itertools.count()
        self._waiting: list[tuple[Rank, int, asyncio.Future[None]]] = []
        self._successes = 0
        self._stale = 0

    @asynccontextmanager
    async def hold(self, rank: Rank) -> AsyncIterator[None]:
        await self._acquire(rank)
        try:
            yield
        finally:
            self._held -= 1
            self._wake()

    @contextmanager
    def feedback(self) -> Iterator[None]:
        """Around a request: its success, or its 429, adapts the number."""
        try:
            yield
        except TooManyRequests:
            self.refused()
            raise
        self.succeeded()

    def set(self, number: int, most: int | None) -> None:
        """Begin anew with this number; whoever holds it and is over that finishes first."""
        self.most, self._successes, self._stale = most, 0, 0
        self._resize(number)

    def succeeded(self) -> None:
        if self.most is None or self._is_stale():
            return
        self._successes += any(not woken.done() for _, _, woken in self._waiting)
        if self._successes >= self.number:
            self._successes = 0
            self._resize(min(self.number + 1, self.most))

    def refused(self) -> None:
        """The API has said that it is too much. Said of several requests at once, it counts once."""
        if self.most is None or self._is_stale():
            return
        self._stale, self._successes = self.number - 1, 0
        self._resize(max(1, self.number // 2))

    def _is_stale(self) -> bool:
        """Whether the request was begun before the number was halved, and so says nothing of the new one."""
        self._stale -= 1
        return self._stale >= 0

    def _resize(self, number: int) -> None:
        self.number = number
        self._wake()

    async def _acquire(self, rank: Rank) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((rank, next(self._came), woken))
        self._wake()
        try:
            await woken
        except asyncio.CancelledError:
            if not woken.cancelled():  # it was let in just now
                self._held -= 1
                self._wake()
            raise

    def _wake(self) -> None:
        self._waiting = [one for one in self._waiting if not one[2].done()]
        while self._waiting and self._held < self.number:
            # Looked for only now, since a priority may change while somebody waits.
            first = min(self._waiting, key=self._order)
            self._waiting.remove(first)
            self._held += 1
            first[2].set_result(None)

    def _order(self, one: tuple[Rank, int, asyncio.Future[None]]) -> tuple[int, int, str, str, int]:
        (kind, created_at, job_id), came, _ = one
        return (kind, self.priorities.get(job_id, Priority.NORMAL), created_at, job_id, came)


class ConcurrencyLimits:
    """The limit of each kind of work. A number that the settings leave out (None) is adaptive."""

    def __init__(self, **numbers: int | None) -> None:
        self.priorities: Mapping[str, int] = {}
        self._each = [AdaptiveLimit(1) for _ in START]
        self.uploads, self.merges, self.operations, self.downloads = self._each
        self.configure(**numbers)

    def prioritise(self, priorities: Mapping[str, int]) -> None:
        """Let jobs go by these priorities from now on, also those that wait already."""
        self.priorities = priorities
        for limit in self._each:
            limit.priorities = priorities

    def configure(self, **numbers: int | None) -> None:
        """Other numbers from now on, by kind; what goes on already is not interrupted, and what was learnt
        stays."""
        for name, limit in zip(START, self._each, strict=True):
            number = numbers[name]
            if number is not None:
                limit.set(number, None)
            elif limit.most is None:
                limit.set(START[name], MOST[name])
