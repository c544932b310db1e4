"""Concurrency limits over all jobs: priority semaphores that adapt to the API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

from hotfolder.errors import TooManyRequests
from hotfolder.jobs.commands import Priority
from hotfolder.jobs.model import Job, stamp

Rank = tuple[int, str, str]
PICTURE: Rank = (0, "", "")
"""The rank of a transfer of a bought picture: it comes first, since paid work waits for it."""
INITIAL = {"uploads": 6, "merges": 12, "operations": 8, "downloads": 6}
MAXIMUM = {"uploads": 10, "merges": 32, "operations": 16, "downloads": 16}
"""The initial value and the maximum of an adaptive limit. Rather high: requests beyond the capacity queue at
the API and are no later, while too few would leave the line or the cluster idle."""


def photo_rank(job: Job) -> Rank:
    """The rank of a job's own requests: oldest set first, among those of the same priority."""
    return (1, stamp(job.created_at), job.id)


class AdaptiveLimit:
    """A priority semaphore of at most `number` holders: PICTURE first, then by the job's priority, then the
    lowest rank, then FIFO. `priorities` are the jobs' priorities by id; NORMAL where missing.

    `number` grows by one after `number` successes while others wait, and is halved on a 429 (additive
    increase, multiplicative decrease). With `most` None it is fixed.
    """

    def __init__(self, number: int, most: int | None = None) -> None:
        self.number = number
        self.most = most
        self.priorities: Mapping[str, int] = {}
        self._held = 0
        self._waiting: list[tuple[Rank, asyncio.Future[None]]] = []
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
        """Goes around a request: its success or TooManyRequests adapts the number."""
        try:
            yield
        except TooManyRequests:
            self.refused()
            raise
        self.succeeded()

    def set(self, number: int, most: int | None) -> None:
        """Restart with this number. Holders in excess of it are not interrupted."""
        self.most, self._successes, self._stale = most, 0, 0
        self._resize(number)

    def succeeded(self) -> None:
        if self.most is None or self._is_stale():
            return
        self._successes += any(not woken.done() for _, woken in self._waiting)
        if self._successes >= self.number:
            self._successes = 0
            self._resize(min(self.number + 1, self.most))

    def refused(self) -> None:
        """Halve the number after a 429. Further ones of requests already in flight then don't count."""
        if self.most is None or self._is_stale():
            return
        self._stale, self._successes = self.number - 1, 0
        self._resize(max(1, self.number // 2))

    def _is_stale(self) -> bool:
        """Whether the request was begun before the number was halved, so that it says nothing about the new
        number. Counts down; call it once a request."""
        self._stale -= 1
        return self._stale >= 0

    def _resize(self, number: int) -> None:
        self.number = number
        self._wake()

    async def _acquire(self, rank: Rank) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((rank, woken))
        self._wake()
        try:
            await woken
        except asyncio.CancelledError:
            if not woken.cancelled():  # the place was granted just now
                self._held -= 1
                self._wake()
            raise

    def _wake(self) -> None:
        self._waiting = [one for one in self._waiting if not one[1].done()]
        while self._waiting and self._held < self.number:
            # Not a heap: priorities may change while jobs wait. `min` takes the first of equals.
            first = min(self._waiting, key=lambda one: self._order(*one[0]))
            self._waiting.remove(first)
            self._held += 1
            first[1].set_result(None)

    def _order(self, kind: int, created_at: str, job_id: str) -> tuple[int, int, str, str]:
        return (kind, self.priorities.get(job_id, Priority.NORMAL), created_at, job_id)


class ConcurrencyLimits:
    """The limits of uploads, merges, operations and downloads. A number of None is adaptive."""

    def __init__(self, **numbers: int | None) -> None:
        self.priorities: Mapping[str, int] = {}
        self._each = [AdaptiveLimit(1) for _ in INITIAL]
        self.uploads, self.merges, self.operations, self.downloads = self._each
        self.configure(**numbers)

    def prioritise(self, priorities: Mapping[str, int]) -> None:
        """Replace the priorities; they also apply to requests that already wait."""
        self.priorities = priorities
        for limit in self._each:
            limit.priorities = priorities

    def configure(self, **numbers: int | None) -> None:
        """Set the numbers by kind. Running work is not interrupted; a limit that stays adaptive keeps its
        present number."""
        for name, limit in zip(INITIAL, self._each, strict=True):
            number = numbers[name]
            if number is not None:
                limit.set(number, None)
            elif limit.most is None:
                limit.set(INITIAL[name], MAXIMUM[name])
