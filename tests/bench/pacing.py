"""A simulated line: bytes arrive no sooner than it could carry them, and every contender meets the same
faults, by request count."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass

SLACK_SECONDS = 0.05
"""How much delay of late timers one transfer may catch up."""


class Line:
    """A line shared by all transfers, with at most `rate` bytes a second in total."""

    def __init__(self, rate: float) -> None:
        self.rate = rate
        self.carried_bytes = 0
        self._free_at = 0.0

    def carry(self, size_bytes: int, now: float) -> float:
        """The moment when these bytes have passed, after all bytes before them."""
        self.carried_bytes += size_bytes
        self._free_at = max(self._free_at, now - SLACK_SECONDS / 10) + size_bytes / self.rate
        return self._free_at


class Transfer:
    """One request's transfer, at most `rate` bytes a second by itself."""

    def __init__(self, line: Line, rate: float, now: float) -> None:
        self._line = line
        self._rate = rate
        self._free_at = now

    def carry(self, size_bytes: int, now: float) -> float:
        """The moment when the last of these bytes has passed."""
        self._free_at = max(self._free_at, now - SLACK_SECONDS) + size_bytes / self._rate
        return max(self._free_at, self._line.carry(size_bytes, now))


class Slots:
    """A number of slots, each taken for a number of seconds, in the order of requests."""

    def __init__(self, number: int, seconds: float) -> None:
        self._free_at = [0.0] * number
        self._seconds = seconds

    def done_at(self, now: float) -> float:
        """Take the slot that is free first; the moment when its work will be done."""
        first = min(range(len(self._free_at)), key=self._free_at.__getitem__)
        self._free_at[first] = max(self._free_at[first], now) + self._seconds
        return self._free_at[first]


async def sleep_until(moment: float) -> None:
    """Sleep until `moment` on the event loop's clock."""
    await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()))


RETRY_AFTER_SECONDS = 1.0
SLOW_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Trouble:
    """`refuse`: 429, not executed. `reset`: disconnect after execution. `cut`: disconnect halfway through the
    body."""

    refuse: bool = False
    reset: bool = False
    cut: bool = False
    slow_seconds: float = 0.0


NONE = Trouble()
EVERY: dict[str, dict[int, Trouble]] = {
    "slot": {29: Trouble(refuse=True), 41: Trouble(slow_seconds=SLOW_SECONDS)},
    "put": {23: Trouble(cut=True), 37: Trouble(refuse=True), 31: Trouble(slow_seconds=SLOW_SECONDS)},
    "group": {7: Trouble(reset=True), 11: Trouble(refuse=True)},
    "poll": {17: Trouble(refuse=True), 29: Trouble(reset=True), 23: Trouble(slow_seconds=SLOW_SECONDS)},
    "enhance": {7: Trouble(refuse=True), 5: Trouble(slow_seconds=SLOW_SECONDS), 13: Trouble(reset=True)},
    "image": {9: Trouble(cut=True), 11: Trouble(refuse=True)},
    "operate": {7: Trouble(refuse=True), 5: Trouble(slow_seconds=SLOW_SECONDS)},
    "result": {11: Trouble(cut=True), 19: Trouble(slow_seconds=SLOW_SECONDS)},
}
"""By kind of request: every n-th one meets this fault. A paid operation is never reset, since then nobody
could tell whether it was charged; an accepted merge is, since its group can."""


class Fate:
    """Hands out the fault that is due, and adds up the time that it costs by itself."""

    def __init__(self, on: bool) -> None:
        self._on = on
        self._met: Counter[str] = Counter()
        self.injected: Counter[str] = Counter()
        self.injected_seconds = 0.0

    def next(self, kind: str) -> Trouble:
        """The fault of the next request of that kind."""
        self._met[kind] += 1
        if not self._on:
            return NONE
        for number, trouble in EVERY.get(kind, {}).items():
            if self._met[kind] % number == 0:
                self.injected[f"{kind} {named(trouble)}"] += 1
                self.injected_seconds += trouble.slow_seconds + RETRY_AFTER_SECONDS * trouble.refuse
                return trouble
        return NONE


def named(trouble: Trouble) -> str:
    if trouble.refuse:
        return "429"
    if trouble.reset or trouble.cut:
        return "reset"
    return "slow"
