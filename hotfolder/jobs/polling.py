"""When is a merge looked at? Once it is likely done, by what earlier ones took; often then, and ever less."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict, deque
from collections.abc import Coroutine, Hashable

from hotfolder.clock import Clock

PATIENCE_SECONDS, PATIENCE = 2.0, 0.08
"""So late, or so large a part of its own time, a finished merge is noticed at the latest, where nothing is
known of how long it takes or it takes longer than expected."""
EARLY_SECONDS, EARLY, MOST_EARLY_SECONDS = 5.0, 0.25, 15.0
"""The same for one that is done before all expectation, as part of what was expected; and the most of it."""
LOOKS_PER_SECOND = 40
"""All merges together."""
SOON, LIKELY = 0.97, 1.02
"""Of the time that earlier merges took: the foremost is looked at rather a little early, which is how it
shows when merges begin to take less, and the others when they are done if they take as long."""
LATEST = 16
SAME_SECONDS = 0.05
"""Moments so close together are the same."""


def next_look(elapsed_seconds: float, expected_seconds: float | None, *, foremost: bool = True) -> float:
    """Seconds until a merge that has run for `elapsed_seconds` is looked at again. `expected_seconds` is what
    the quickest of earlier ones took, None while none is known. The foremost of those that run teaches the
    others, and is looked at more often than they are."""
    latest = max(PATIENCE_SECONDS, PATIENCE * elapsed_seconds)
    if expected_seconds is None:
        soon = 0.2 + 0.03 * elapsed_seconds
        return soon if foremost and soon < PATIENCE_SECONDS else latest
    likely = (SOON if foremost else LIKELY) * expected_seconds
    if elapsed_seconds < likely:
        ahead = likely - elapsed_seconds
        early = min(max(EARLY_SECONDS, EARLY * expected_seconds), MOST_EARLY_SECONDS)
        # Where one look must come before, it comes so that the last pause is neither too short nor too long.
        return ahead if ahead <= early else min(early, max(0.5, ahead - early))
    shortest = max(0.1, 0.02 * expected_seconds)
    return min(latest, max(shortest, 0.3 * (elapsed_seconds - likely)))


class Timetable:
    """The moments at which the API is asked for how far a group is, one group at each."""

    def __init__(self, per_second: float = LOOKS_PER_SECOND) -> None:
        self._per_second = per_second
        self._taken: set[int] = set()

    def book(self, wanted_at: float, now: float) -> float:
        """The first free moment from `wanted_at` on, by the same clock; it is taken from now on."""
        self._taken = {moment for moment in self._taken if moment >= now * self._per_second}
        moment = math.ceil(wanted_at * self._per_second)
        while moment in self._taken:
            moment += 1
        self._taken.add(moment)
        return moment / self._per_second


class Polling:
    """The one plan by which all groups are looked at, and what was learned from merges that are done."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timetable = Timetable()
        self._took: dict[Hashable, deque[float]] = defaultdict(lambda: deque(maxlen=LATEST))
        self._foremost: dict[Hashable, float] = {}
        self._learned: dict[Hashable, asyncio.Event] = {}

    def learn(self, kind: Hashable, seconds: float) -> None:
        """A merge of that kind was done after `seconds`."""
        self._took[kind].append(seconds)
        self._foremost.pop(kind, None)
        if kind in self._learned:
            self._learned.pop(kind).set()

    async def pause(self, kind: Hashable | None, elapsed_seconds: float, most_seconds: float) -> None:
        """Until a merge is looked at again that has run for so long; not much longer than `most_seconds`.
        `kind` is None where it isn't known how long it has run."""
        now = self._clock.monotonic()
        began, until = now - elapsed_seconds, now + most_seconds
        while True:
            expected = min(self._took[kind], default=None) if kind is not None else None
            # Where a merge that began later is done before the foremost, that is noticed a little late, once.
            foremost = kind is None or began <= self._foremost.setdefault(kind, began) + SAME_SECONDS
            wanted = min(next_look(now - began, expected, foremost=foremost), max(until - now, 0.0))
            pause = self._clock.sleep(self._timetable.book(now + wanted, now) - now)
            if foremost or expected is not None or kind is None:
                await pause
                return
            if not await happens(self._learned.setdefault(kind, asyncio.Event()), pause):
                return
            now = self._clock.monotonic()


async def happens(event: asyncio.Event, before: Coroutine[None, None, None]) -> bool:
    """Whether it happens before the other has ended."""
    waiting, sleeping = asyncio.create_task(event.wait()), asyncio.ensure_future(before)
    try:
        await asyncio.wait({waiting, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        return event.is_set()
    finally:
        waiting.cancel()
        sleeping.cancel()
