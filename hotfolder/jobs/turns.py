"""Whose turn is it? So many at once of each kind of work, over all jobs together, and who comes next."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from statistics import median

from hotfolder.errors import TooManyRequests
from hotfolder.jobs.limits import Finding
from hotfolder.jobs.tables import Job

Rank = tuple[int, str, str]
PICTURE: Rank = (0, "", "")
"""A merged picture on its way to an operation: it unblocks work that is paid for already."""


def photo_rank(job: Job) -> Rank:
    """Oldest set first, among those of the same priority."""
    return (1, job.created_at, job.id)


NORMAL = 1
START = {"uploads": 6, "merges": 12, "operations": 8, "downloads": 6}
MOST = {"uploads": 16, "merges": 32, "operations": 16, "downloads": 16}
"""Where a limit that is found by itself begins, and how far it may go. Rather a few too many than a line or a
cluster that idles: what is over its capacity stands in line there, and is no later for that."""


LEAST_PATIENCE_SECONDS, FIRST_PATIENCE, PATIENCE = 20.0, 120.0, 5
"""A place is given away after so many times what others took lately, but not before so many seconds; the
second is for as long as nobody has taken any time yet."""


class Turns:
    """So many at once; among those that wait, the lowest rank goes first, then who came first. `levels` are
    the priorities of jobs, by id, as they are now; a job that isn't in it has the normal one.

    Whoever takes far longer than others did gives its place away, and is one too many from then on, as long
    as there are no more of those than places: what hangs must not hold up the rest.

    With `finding` the number is found by itself: whoever has had its turn says how it went. `changed` hears
    of each new number.
    """

    def __init__(
        self,
        number: int,
        levels: Mapping[str, int] | None = None,
        *,
        finding: Finding | None = None,
        changed: Callable[[int], None] = lambda _: None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.levels: Mapping[str, int] = levels or {}
        self.number = number
        self._finding = finding
        self._changed = changed
        self._monotonic = monotonic
        self._free = number
        self._came = itertools.count()
        self._waiting: list[tuple[Rank, int, asyncio.Future[None]]] = []
        self._given_away = 0
        self._lately: deque[float] = deque(maxlen=16)

    @property
    def finds(self) -> bool:
        """Whether the number is found by itself."""
        return self._finding is not None

    @asynccontextmanager
    async def turn(self, rank: Rank) -> AsyncIterator[None]:
        await self._enter(rank)
        began, gone = self._monotonic(), False

        def give_away() -> None:
            nonlocal gone
            if self._given_away < self.number:
                gone = True
                self._given_away += 1
                self._leave()

        timer = asyncio.get_running_loop().call_later(self.patience_seconds, give_away)
        try:
            yield
        finally:
            timer.cancel()
            self._lately.append(self._monotonic() - began)
            if gone:
                self._given_away -= 1
            else:
                self._leave()

    @property
    def patience_seconds(self) -> float:
        """How long somebody may take before the place is given away."""
        if not self._lately:
            return FIRST_PATIENCE
        return max(LEAST_PATIENCE_SECONDS, PATIENCE * median(self._lately))

    @contextmanager
    def measured(self, kind: Hashable) -> Iterator[None]:
        """Around what is asked of the other side in a turn; only things of the same kind are compared."""
        began = self._monotonic()
        try:
            yield
        except TooManyRequests:
            self.refused()
            raise
        self.took(kind, self._monotonic() - began)

    def took(self, kind: Hashable, seconds: float) -> None:
        """What was asked for in a turn has gone well, in so long."""
        if self._finding is not None:
            self._finding.took(kind, seconds, wanted=any(not one[2].done() for one in self._waiting))
            self._number(self._finding.number)

    def refused(self) -> None:
        """The other side has said that it is too much."""
        if self._finding is not None:
            self._finding.refused()
            self._number(self._finding.number)

    def resize(self, number: int, finding: Finding | None = None) -> None:
        """Let so many go on at once from now on; whoever is over that finishes first."""
        self._finding = finding
        self._number(number)

    def _number(self, number: int) -> None:
        if number == self.number:
            return
        self._free += number - self.number
        self.number = number
        while self._free > 0 and self._call():
            self._free -= 1
        self._changed(number)

    async def _enter(self, rank: Rank) -> None:
        if self._free > 0:
            self._free -= 1
            return
        called: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((rank, next(self._came), called))
        try:
            await called
        except asyncio.CancelledError:
            if called.done() and not called.cancelled():
                self._leave()
            raise

    def _leave(self) -> None:
        if self._free < 0 or not self._call():
            self._free += 1

    def _call(self) -> bool:
        """Call the next one in; False when none waits."""
        self._waiting = [one for one in self._waiting if not one[2].done()]
        if not self._waiting:
            return False
        # Looked for only now, since a priority may change while somebody waits.
        first = min(self._waiting, key=self._order)
        self._waiting.remove(first)
        first[2].set_result(None)
        return True

    def _order(self, one: tuple[Rank, int, asyncio.Future[None]]) -> tuple[int, int, str, str, int]:
        (kind, created_at, job_id), came, _ = one
        return (kind, self.levels.get(job_id, NORMAL), created_at, job_id, came)


class Slots:
    """How many of each kind may go on at once, over all jobs together. None: found by itself."""

    def __init__(
        self,
        *,
        uploads: int | None,
        merges: int | None,
        operations: int | None,
        downloads: int | None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.levels: Mapping[str, int] = {}
        self.addresses = Turns(1)
        self.uploads = Turns(1, changed=lambda number: self.addresses.resize(2 * number), monotonic=monotonic)
        self.merges = Turns(1, monotonic=monotonic)
        self.operations = Turns(1, monotonic=monotonic)
        self.downloads = Turns(1, monotonic=monotonic)
        self.resize(uploads=uploads, merges=merges, operations=operations, downloads=downloads)

    def order(self, levels: Mapping[str, int]) -> None:
        """Let jobs go by these priorities from now on, also those that wait already."""
        self.levels = levels
        for turns in (self.uploads, self.addresses, self.merges, self.operations):
            turns.levels = levels

    def resize(
        self, *, uploads: int | None, merges: int | None, operations: int | None, downloads: int | None
    ) -> None:
        """Other numbers from now on; what goes on already is not interrupted."""
        wanted = {"uploads": uploads, "merges": merges, "operations": operations, "downloads": downloads}
        for name, number in wanted.items():
            turns: Turns = getattr(self, name)
            if number is not None:
                turns.resize(number)
            elif not turns.finds:
                turns.resize(START[name], Finding(START[name], MOST[name]))
